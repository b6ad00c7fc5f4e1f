"""Qiskit against the dense reference: amplitudes, shots, counts, every form of post-selection."""

import subprocess
import sys

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend, list_backends
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counter import with_success_counter
from qgd_core.circuit.counts import cost
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.errors import ConfigError, UnsupportedOperation

TARGETS = ["qiskit:aer", "qiskit:basic"]
FORMS = ["segments", "measure", "counter"]


def compiled(circuit, spec="qiskit:aer", **options):
    return get_backend(spec, **options).compile(Program(circuit))


def chi_square(counts, odds, shots):
    """Worst |z| over the outcomes expected at least five times, and the chance of anything impossible."""
    assert all(odds[key] > 1e-12 for key in counts)
    return max(
        abs(counts.get(key, 0) - shots * p) / np.sqrt(shots * p * (1 - p) + 1e-9)
        for key, p in enumerate(odds)
        if shots * p >= 5
    )


@pytest.mark.parametrize("spec", TARGETS)
@pytest.mark.parametrize(("n_qubits", "seed"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)])
def test_random_circuits_with_every_primitive_agree_with_the_reference(spec, n_qubits, seed):
    circuit = random_circuit(n_qubits, 40, seed)
    got = compiled(circuit, spec).statevector()
    np.testing.assert_allclose(got, simulate(circuit), rtol=0, atol=1e-12)


@pytest.mark.parametrize("spec", TARGETS)
def test_one_x_on_each_qubit_stands_where_big_endian_says(spec):
    for n_qubits in (1, 3, 5):
        for qubit in range(n_qubits):
            builder = CircuitBuilder("one_x", n_qubits, n_qubits)
            builder.gate("x", [qubit])
            builder.measure(range(n_qubits), range(n_qubits))
            executable = compiled(builder.build(), spec)
            expected = 1 << (n_qubits - 1 - qubit)
            assert np.flatnonzero(executable.statevector()).tolist() == [expected]
            assert executable.run(7, seed=1).counts == {expected: 7}


def test_bits_may_be_written_in_any_order_and_some_never():
    builder = CircuitBuilder("permuted", 3, 4)
    builder.gate("x", [0])
    builder.gate("x", [2])
    builder.measure([2, 1, 0], [1, 3, 0])
    for form in FORMS:
        assert compiled(builder.build(), postselect=form).run(5, seed=0).counts == {0b1100: 5}


@pytest.mark.parametrize("spec", TARGETS)
@pytest.mark.parametrize("seed", range(4))
def test_postselection_keeps_the_norm_and_the_global_phase(spec, seed):
    circuit = postselected(4, 3, seed)
    expected = simulate(circuit)
    got = compiled(circuit, spec).statevector()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(compiled(circuit, spec).amplitudes(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_all_forms_of_postselection_give_the_same_amplitudes_and_distribution(form, seed):
    circuit = postselected(3, 2, seed)
    executable = compiled(circuit, postselect=form)
    expected = simulate(circuit)
    np.testing.assert_allclose(executable.statevector(), expected, rtol=0, atol=1e-12)
    odds = np.abs(expected) ** 2
    shots = 4000
    outcomes = executable.run(shots, seed=11)
    assert outcomes.shots == shots
    assert chi_square(outcomes.counts, odds, shots) < 4.5
    spread = np.sqrt(shots * odds.sum() * (1 - odds.sum()))
    assert abs(outcomes.accepted - shots * odds.sum()) < 4.5 * spread


def test_a_postselection_that_never_accepts_gives_nothing():
    builder = CircuitBuilder("never", 2, 1)
    builder.postselect([0], [1])
    builder.gate("h", [1])
    builder.measure([1], [0])
    for form in FORMS:
        executable = compiled(builder.build(), postselect=form)
        assert executable.run(100, seed=1).counts == {}
        assert not executable.statevector().any()


def test_mid_circuit_measurement_and_reset_run_shot_by_shot():
    builder = CircuitBuilder("midway", 2, 3)
    builder.gate("ry", [0], [2 * np.arcsin(np.sqrt(0.3))])
    builder.measure([0], [0])
    builder.gate("x", [1], (), ((0, 1),))
    builder.reset([0])
    builder.gate("h", [0])
    builder.postselect([0])
    builder.measure([0, 1], [1, 2])
    executable = compiled(builder.build())
    outcomes = executable.run(4000, seed=5)
    assert chi_square(outcomes.counts, [0.35, 0, 0, 0, 0, 0.15, 0, 0], 4000) < 4.5
    with pytest.raises(UnsupportedOperation, match="no single final vector"):
        executable.statevector()
    put_off = compiled(builder.build(), "qiskit:basic")
    assert chi_square(put_off.run(4000, seed=5).counts, [0.35, 0, 0, 0, 0, 0.15, 0, 0], 4000) < 4.5


@pytest.mark.parametrize("form", FORMS)
def test_the_seed_repeats_and_matters_and_runs_are_independent_of_history(form):
    executable = compiled(postselected(3, 2, 1), postselect=form)
    first = executable.run(500, seed=3)
    assert executable.run(500, seed=4).counts != first.counts
    assert executable.run(500, seed=3).counts == first.counts
    assert executable.run(500).counts != executable.run(500).counts


@pytest.mark.parametrize("spec", TARGETS)
def test_counts_are_read_from_the_built_circuits_and_equal_the_cores(spec):
    for circuit in (measured(random_circuit(5, 60, 3)), postselected(4, 2, 2)):
        got, expected = compiled(circuit, spec).counts(), cost(circuit)
        keys = (set(got) | set(expected)) - {"gphase"}  # Qiskit keeps the phase as a number, not as gates
        assert {k: got.get(k, 0) for k in keys} == {k: expected.get(k, 0) for k in keys}
        assert (got.rotations, got.t_gates) == (expected.rotations, expected.t_gates)


def test_counts_of_the_other_forms_are_those_of_the_circuit_that_runs():
    circuit = postselected(3, 2, 2)
    plain = cost(circuit)
    assert compiled(circuit, postselect="measure").counts().two_qubit == plain.two_qubit
    assert compiled(circuit, postselect="measure").counts().measurements == plain.measurements
    assert (
        compiled(circuit, postselect="counter").counts().two_qubit
        == cost(with_success_counter(circuit)).two_qubit
    )


def test_a_repeated_block_is_translated_once():
    block = random_circuit(3, 5, 1)
    builder = CircuitBuilder("many", 3)
    builder.call(block, [2, 0, 1], repeat=50)
    builder.call(block, [0, 1, 2], repeat=50)
    circuit = builder.build()
    np.testing.assert_allclose(compiled(circuit).statevector(), simulate(circuit), rtol=0, atol=1e-11)


@pytest.mark.parametrize("form", FORMS)
def test_more_shots_than_aer_can_bear_are_drawn_from_its_vector_or_refused(form):
    circuit, shots = postselected(3, 2, 1), 10**12
    executable = compiled(circuit, postselect=form)
    if form == "segments":
        outcomes = executable.run(shots, seed=3)
        odds = np.abs(simulate(circuit)) ** 2
        assert outcomes.shots == shots
        assert chi_square(outcomes.counts, odds, shots) < 4.5
        assert executable.run(shots, seed=3).counts == outcomes.counts
    else:
        with pytest.raises(UnsupportedOperation, match="segments") as caught:
            executable.run(shots, seed=3)
        assert caught.value.value == shots


def test_options_and_targets_are_checked():
    with pytest.raises(ConfigError, match="Did you mean 'postselect'"):
        get_backend("qiskit:aer", postselct="measure")
    with pytest.raises(ConfigError, match="'postselect'"):
        get_backend("qiskit:aer", postselect="sometimes")
    with pytest.raises(ConfigError, match="'max_parallel_threads'"):
        get_backend("qiskit:aer", max_parallel_threads="2")
    with pytest.raises(ConfigError, match="negative"):
        get_backend("qiskit:aer", max_parallel_threads=-1)
    with pytest.raises(ConfigError, match="options are: none"):
        get_backend("qiskit:basic", postselect="measure")


def test_shots_and_seed_are_checked():
    executable = compiled(measured(random_circuit(1, 2, 1)))
    for shots in (0, -3, 1.5, True, "10"):
        with pytest.raises(ConfigError, match="shots"):
            executable.run(shots)
    with pytest.raises(ConfigError, match="seed"):
        executable.run(1, seed=-1)


def test_too_many_qubits_are_refused_with_the_number():
    with pytest.raises(UnsupportedOperation, match="needs 200 qubits") as caught:
        compiled(random_circuit(200, 1, 1))
    assert caught.value.value == 200


def test_the_package_and_the_list_import_no_sdk():
    script = (
        "import sys, qgd_backend_qiskit, qgd_core as q; q.list_backends(); qgd_backend_qiskit.qgd_backend();"
        "assert not {'qiskit', 'qiskit_aer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_plugin_is_listed():
    [row] = [r for r in list_backends() if r.name == "qiskit"]
    assert (row.status, row.distribution, row.targets) == (
        "ok",
        "qgd-backend-qiskit",
        ("aer", "basic", "clifford_t", "fake:<name>", "ibm:<name>"),
    )
