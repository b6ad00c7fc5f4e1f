"""qsim and Google's virtual processors, where they are installed; what is said where they are not."""

import importlib.util
import sys

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.errors import PluginError, UnknownBackend, UnsupportedOperation

QSIM, GOOGLE = (importlib.util.find_spec(name) is not None for name in ("qsimcirq", "cirq_google"))
needs_qsim = pytest.mark.skipif(not QSIM, reason="the extra `qsim` is not installed")
needs_google = pytest.mark.skipif(not (QSIM and GOOGLE), reason="the extra `virtual` is not installed")
test_qsim = needs_qsim(pytest.mark.slow(conformance("cirq:qsim")))
test_virtual = needs_google(
    pytest.mark.slow(conformance("cirq:virtual:rainbow", options={"noise": False}, shots=2000))
)


def off(circuit, spec, shots, **options):
    """The worst number of standard deviations of an outcome from its exact probability."""
    odds = np.abs(simulate(circuit)) ** 2
    outcomes = get_backend(spec, **options).compile(Program(circuit)).run(shots, seed=3)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(odds.size)])
    return np.max(np.abs(seen - shots * odds) / (np.sqrt(shots * odds * (1 - odds)) + 0.5))


@pytest.mark.parametrize(
    ("spec", "module", "extra"),
    [("cirq:qsim", "qsimcirq", "qsim"), ("cirq:virtual:rainbow", "cirq_google", "virtual")],
)
def test_without_the_package_the_command_to_install_it_is_named(spec, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError, match="not installed") as caught:
        get_backend(spec)
    assert caught.value.remedy == f"`pip install 'qgd-backend-cirq[{extra}]'`"


@needs_qsim
@pytest.mark.parametrize("circuit", [measured(random_circuit(3, 15, 1)), postselected(3, 2, 1)], ids=str)
def test_qsim_samples_the_exact_distribution_and_shows_no_vector(circuit):
    assert off(circuit, "cirq:qsim", 20_000) < 5
    with pytest.raises(UnsupportedOperation, match="statevector"):
        get_backend("cirq:qsim").compile(Program(circuit)).statevector()


@needs_google
def test_a_virtual_processor_without_noise_keeps_the_distribution_through_routing():
    assert (
        off(measured(random_circuit(3, 8, 1, max_controls=1)), "cirq:virtual:rainbow", 4000, noise=False) < 5
    )


@needs_google
def test_a_virtual_processor_has_errors_and_couplings():
    builder = CircuitBuilder("flip", 3, 3)
    builder.gate("x", [0])
    builder.gate("x", [2], (), ((0, 1),))
    builder.measure([0, 1, 2], [0, 1, 2])
    executable = get_backend("cirq:virtual:rainbow").compile(Program(builder.build()))
    outcomes = executable.run(300, seed=1)
    assert 0.5 < outcomes.counts[0b101] / 300 < 1
    assert all(len(op.qubits) < 3 for op in executable.placed.all_operations())


@needs_google
def test_an_unknown_processor_is_refused():
    with pytest.raises(UnknownBackend, match="Did you mean 'rainbow'"):
        get_backend("cirq:virtual:rainbo")
