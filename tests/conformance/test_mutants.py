"""The suite is tested by wrong backends: each must fail the check named for it, and the honest one must pass."""

import pytest

from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.mutant_table import MUTANTS
from qgd_core.conformance.mutants import Mutant, MutantBackend
from qgd_core.conformance.runner import run
from qgd_core.conformance.sheet import FAILED
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


def test_there_are_enough_mutants_and_every_check_kills_one():
    assert len(MUTANTS) >= 45
    assert len({m.name for m in MUTANTS}) == len(MUTANTS)
    assert {m.killer for m in MUTANTS} | set(ELSEWHERE) == set(CHECKS)


@pytest.mark.parametrize(
    "backend", [ToyBackend(), MutantBackend(Mutant("honest", ""))], ids=["toy", "unchanged"]
)
def test_the_honest_backend_passes_everything(backend):
    sheet = run(backend)
    assert sheet.passed
    assert sheet.count(FAILED) == 0


@pytest.mark.parametrize("seed", [2, 3])
def test_the_honest_backend_passes_with_other_seeds(seed):
    assert run(ToyBackend(), seed=seed).passed
