"""The suite is tested by wrong backends: each must fail the check named for it, and the honest one must pass."""

from dataclasses import replace

import pytest

from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.mutant_engines import Midway
from qgd_core.conformance.mutant_table import MIDWAY, MUTANTS
from qgd_core.conformance.mutants import Mutant, MutantBackend
from qgd_core.conformance.runner import run
from qgd_core.conformance.sheet import FAILED, NOT_DECLARED, PASSED
from qgd_core.conformance.toy import ToyBackend

# Checks of what no change to the toy can break, and where they are tested instead.
ELSEWHERE = {
    "options_are_checked": "test_runner.py: a backend that takes any option",
    "stored_circuits": "test_runner.py: a backend wrong on circuits that were read back",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_mutant_is_killed_by_its_check(mutant):
    [verdict] = run(MutantBackend(mutant), only=[mutant.killer]).verdicts
    assert verdict.status == FAILED
    assert verdict.detail


# What no sample can show, or shows in another check.
UNSEEN = {
    "vector reversed past two qubits": "a wrong vector of right shots",
    "idle qubits dropped": "a wrong vector of right shots",
    "amplitudes in the order of qubits": "a wrong vector of right shots",
    "complex64 returned": "a wrong vector of right shots",
    "single precision": "1e-7 of a probability",
    "rz taken for phase": "a global phase; under a control it fails control_on_one",
    "angles rounded": "1e-8 of an angle",
    "renormalised after post-selection": "a wrong vector of right shots",
    "not-a-number where nothing is left": "a wrong vector of right shots",
    "wrong alpha": "a wrong vector of right shots",
    "wrong alpha from the second step on": "a wrong vector of right shots",
    "result shared with the caller": "a vector is shared, no counts are",
}
AGREE = [m for m in MUTANTS if "statevector or shots" in CHECKS[m.killer].needs] + [
    m for m in MUTANTS if m.killer == "the_input_is_left_alone"
]


def without_vector(mutant):
    """The same mutant on a backend that only samples."""
    return MutantBackend(replace(mutant, capabilities=replace(mutant.capabilities, statevector=False)))


@pytest.mark.parametrize("mutant", [m for m in AGREE if m.name not in UNSEEN], ids=lambda m: m.name)
def test_each_mutant_that_shows_in_shots_is_killed_by_the_same_check_without_a_vector(mutant):
    [verdict] = run(without_vector(mutant), only=[mutant.killer]).verdicts
    assert verdict.status == FAILED
    assert " came " in verdict.detail or "cannot" in verdict.detail


@pytest.mark.parametrize("mutant", [m for m in AGREE if m.name in UNSEEN], ids=lambda m: m.name)
def test_no_mutant_is_listed_as_unseen_that_samples_show(mutant):
    [verdict] = run(without_vector(mutant), only=[mutant.killer]).verdicts
    assert verdict.status == PASSED, UNSEEN[mutant.name]


def test_a_wrong_rz_that_one_qubit_hides_is_seen_under_a_control():
    [mutant] = [m for m in MUTANTS if m.name == "rz taken for phase"]
    [verdict] = run(without_vector(mutant), only=["control_on_one"]).verdicts
    assert verdict.status == FAILED


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_honest_backend_passes_everything_without_a_vector(seed):
    sheet = run(without_vector(Mutant("honest", "")), seed=seed, shots=10_000)
    assert sheet.passed, sheet.to_table()
    assert sheet.count(NOT_DECLARED) == 4  # two global phases, a vector refused, one of classical branches


def test_there_are_enough_mutants_and_every_check_kills_one():
    assert len(MUTANTS) >= 45
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert {m.killer for m in MUTANTS} | set(ELSEWHERE) == set(CHECKS)


@pytest.mark.parametrize(
    "backend",
    [
        ToyBackend(),
        MutantBackend(Mutant("honest", "")),
        MutantBackend(Mutant("honest", "", kind=Midway, capabilities=MIDWAY)),
    ],
    ids=["toy", "unchanged", "midway"],
)
def test_the_honest_backend_passes_everything(backend):
    sheet = run(backend)
    assert sheet.passed
    assert sheet.count(FAILED) == 0


@pytest.mark.parametrize("seed", [2, 3])
def test_the_honest_backend_passes_with_other_seeds(seed):
    assert run(ToyBackend(), seed=seed).passed
