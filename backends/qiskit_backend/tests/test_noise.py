"""Aer with a noise model: what it does to single gates, and what it takes away."""

import numpy as np
import pytest
from qiskit_aer.noise import NoiseModel, ReadoutError

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.conformance.cases import postselected
from qgd_core.errors import ConfigError, UnsupportedOperation

SHOTS = 20_000


def ones(gates, noise, **options):
    """The share of ones read on qubit 0 after some gates of two qubits."""
    builder = CircuitBuilder("noisy", 2, 1)
    for name, *rest in gates:
        builder.gate(name, [0], *rest)
    builder.measure([0], [0])
    executable = get_backend("qiskit:aer", noise_model=noise, **options).compile(Program(builder.build()))
    return executable.run(SHOTS, seed=5).counts.get(1, 0) / SHOTS


@pytest.mark.parametrize("name", ["x", "rx", "phase", "h"])
def test_depolarising_a_qubit_brings_its_reading_halfway_to_even(name):
    gates = {"x": [("x",)], "rx": [("rx", [np.pi])], "phase": [("phase", [0.3])], "h": [("h",), ("h",)]}[name]
    flipped = float(name in ("x", "rx"))
    kept = 0.8 ** len(gates)
    expected = kept * flipped + (1 - kept) / 2
    assert abs(ones(gates, {"one_qubit": 0.2}) - expected) < 5 * 0.5 / np.sqrt(SHOTS)


def test_two_qubit_gates_and_readout_have_errors_of_their_own():
    gates = [("x", (), ((1, 1),))]
    assert abs(ones(gates, {"two_qubit": 0.2}) - 0.1) < 5 * 0.5 / np.sqrt(SHOTS)
    assert ones(gates, {"one_qubit": 0.2}) == 0
    assert abs(ones([], {"readout": 0.1}) - 0.1) < 5 * 0.5 / np.sqrt(SHOTS)


def test_a_model_made_by_hand_is_taken_as_it_is():
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.7, 0.3], [0.3, 0.7]]))
    for form in ("segments", "measure", "counter"):
        assert abs(ones([], model, postselect=form) - 0.3) < 5 * 0.5 / np.sqrt(SHOTS)


def test_postselection_under_noise_rejects_shots_and_there_is_no_vector():
    executable = get_backend("qiskit:aer", noise_model={"two_qubit": 0.01}).compile(
        Program(postselected(3, 2, 1))
    )
    outcomes = executable.run(500, seed=1)
    assert 0 < outcomes.accepted < outcomes.shots == 500
    assert executable.run(500, seed=1) == outcomes
    with pytest.raises(UnsupportedOperation, match="statevector"):
        executable.statevector()


def test_noise_that_is_none_is_refused():
    for noise, match in (
        ("fake", "NoiseModel"),
        ({"readot": 0.1}, "'readout'"),
        ({"readout": 2}, "probability"),
    ):
        with pytest.raises(ConfigError, match=match):
            get_backend("qiskit:aer", noise_model=noise)
