"""The same programs on every installed backend, compared pairwise."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend, list_backends
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.conformance.checks.midway import follow, kept_and_reset, random_midway
from qgd_core.conformance.checks.pipeline import window
from qgd_core.conformance.subject import likely


def every_backend():
    return {row.name: get_backend(row.name) for row in list_backends() if row.status == "ok"}


@pytest.mark.slow
def test_all_installed_backends_agree_pairwise():
    circuits = [measured(random_circuit(4, 30, 1)), postselected(3, 2, 2), postselected(4, 1, 3)]
    programs = [Program(c, lambda c=c: simulate(c)) for c in circuits]
    backends = every_backend()
    assert len(backends) >= 3
    for program in programs:
        vectors = {name: b.compile(program).amplitudes() for name, b in backends.items()}
        for one, other in itertools.combinations(vectors, 2):
            np.testing.assert_allclose(
                vectors[one], vectors[other], rtol=0, atol=1e-11, err_msg=f"{one}, {other}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("circuit", [postselected(3, 2, 1), postselected(3, 3, 4)], ids=str)
def test_a_success_counter_gives_the_distribution_of_postselection_in_place_on_all_installed_backends(
    circuit,
):
    truth, shots = simulate(circuit), 20_000
    odds = np.abs(truth) ** 2
    for name in every_backend():
        for form in ("as declared", "counter"):
            backend = get_backend(name)
            if not backend.capabilities.gates:
                continue
            if form == "counter":
                backend.capabilities = replace(backend.capabilities, postselect=False)
            executable = backend.compile(Program(circuit))
            gathered = executable.lowered.n_qubits > circuit.n_qubits
            assert gathered or form == "as declared" or name == "reference", name
            np.testing.assert_allclose(executable.statevector(), truth, rtol=0, atol=1e-11, err_msg=name)
            likely(executable.run(shots, seed=3).counts, odds, shots, f"{name}, {form}")


@pytest.mark.slow
@pytest.mark.parametrize("circuit", [kept_and_reset(2), random_midway(1)], ids=str)
def test_what_resets_midway_has_one_distribution_in_place_and_put_off_on_all_installed_backends(circuit):
    odds, shots = follow(circuit), 2000
    for name in every_backend():
        for declared in (True, False):
            backend = get_backend(name)
            if not backend.capabilities.gates or declared > backend.capabilities.mid_circuit:
                continue
            if not declared:
                backend.capabilities = replace(backend.capabilities, mid_circuit=False, postselect=False)
            outcomes = backend.compile(Program(circuit)).run(shots, seed=3)
            likely(outcomes.counts, odds, shots, f"{name}, {'in place' if declared else 'put off'}")


@pytest.mark.slow
def test_a_carleman_window_by_shots_agrees_on_all_installed_backends():
    plan, wanted = window()
    shots = 100_000
    for name, backend in every_backend().items():
        outcomes = backend.compile(plan.compile()).run(shots, seed=5)
        estimate = plan.read_counts(outcomes.counts, outcomes.shots)
        assert np.all(np.abs(estimate.value - wanted) < 5 * estimate.stderr + 1e-12), name
