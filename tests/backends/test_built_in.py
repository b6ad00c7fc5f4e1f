"""The emulator and the reference: amplitudes, shots with rejected mass, counts, refusals."""

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.errors import ConfigError, UnsupportedOperation


def both(circuit):
    """The circuit with its own vector as branch, on both built-in backends."""
    program = Program(circuit, lambda: simulate(circuit))
    return [get_backend(name).compile(program) for name in ("reference", "emulator")]


@pytest.mark.parametrize("seed", range(3))
def test_both_give_the_unnormalised_success_branch(seed):
    circuit = postselected(3, 2, seed)
    for executable in both(circuit):
        np.testing.assert_array_equal(executable.amplitudes(), simulate(circuit))
        assert np.linalg.norm(executable.statevector()) < 0.999


@pytest.mark.parametrize("seed", range(3))
def test_both_sample_the_branch_and_reject_the_rest(seed):
    circuit, shots = postselected(3, 2, seed), 20000
    odds = np.abs(simulate(circuit)) ** 2
    for executable in both(circuit):
        outcomes = executable.run(shots, seed=7)
        assert outcomes.shots == shots
        seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
        assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)
        accepted = odds.sum()
        assert abs(outcomes.accepted - shots * accepted) < 5 * np.sqrt(shots * accepted * (1 - accepted))
        assert executable.run(shots, seed=7).counts == outcomes.counts
        assert executable.run(shots, seed=8).counts != outcomes.counts


def test_amplitudes_follow_the_bits_where_the_vector_follows_the_qubits():
    builder = CircuitBuilder("swap_bits", 3, 2)
    builder.gate("ry", [0], [2 * np.arcsin(0.6)])
    builder.measure([0, 2], [1, 0])
    [reference, _] = both(builder.build())
    np.testing.assert_allclose(reference.statevector()[[0, 4]], [0.8, 0.6], rtol=0, atol=1e-15)
    np.testing.assert_allclose(reference.amplitudes(), [0.8, 0.6, 0, 0], rtol=0, atol=1e-15)


def test_counts_are_those_of_the_lowered_circuit():
    circuit = measured(random_circuit(4, 30, 2))
    for executable in both(circuit):
        assert executable.counts() == cost(circuit)
        assert executable.counts().two_qubit > 0


def test_the_emulator_needs_a_branch():
    with pytest.raises(UnsupportedOperation, match="backend=reference"):
        get_backend("emulator").compile(Program(random_circuit(2, 3, 1)))


def test_the_emulator_refuses_a_branch_that_no_circuit_could_have():
    program = Program(measured(random_circuit(1, 1, 1)), lambda: np.array([1.0, 1.0], dtype=complex))
    with pytest.raises(UnsupportedOperation, match="above 1") as caught:
        get_backend("emulator").compile(program).run(10, seed=1)
    assert caught.value.value == 2.0


def test_the_emulator_is_not_limited_by_qubits():
    circuit = CircuitBuilder("wide", 500, 1).build()
    executable = get_backend("emulator").compile(Program(circuit, lambda: np.array([0.6, 0.8j])))
    assert sum(executable.run(50, seed=1).counts.values()) == 50
    with pytest.raises(UnsupportedOperation, match="500 qubits"):
        get_backend("reference").compile(Program(circuit))


def test_neither_has_options():
    for name in ("reference", "emulator"):
        with pytest.raises(ConfigError, match="none"):
            get_backend(name, threads=2)
