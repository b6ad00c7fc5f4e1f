"""The page of verdicts: what it shows of a sheet, and that it is the current one."""

import runpy
from pathlib import Path

import pytest

from qgd_core.conformance import CHECKS, Sheet, checks, run
from qgd_core.conformance.sheet import FAILED, GAP, PASSED, Verdict

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "verdicts.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def sheet_of(backend, **statuses):
    verdicts = tuple(
        Verdict(check, statuses.get(check, PASSED), f"about {check}" if check in statuses else "", 0.1)
        for check in CHECKS
    )
    return Sheet(backend, {"qgd-core": "9.8", "some-sdk": "7.6"}, 3, 4000, verdicts)


def test_every_check_is_a_row_and_every_weakness_has_its_reason(script):
    assert checks
    text = script["render"]([sheet_of("reference", every_gate=FAILED, repeats=GAP), sheet_of("emulator")])
    for name, check in CHECKS.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        mark = {"every_gate": FAILED, "repeats": GAP}.get(name, PASSED)
        assert line == f"| `{name}` | {check.sentence} | {mark} | passed |"
    assert (
        "- reference, `every_gate`: failed: about every_gate\n- reference, `repeats`: gap: about repeats"
        in text
    )
    assert "Seed 3, 4,000 shots for each sampling check; qgd-core 9.8." in text
    assert "| versions | some-sdk 7.6 | some-sdk 7.6 |" in text
    assert f"| checks passed | {len(CHECKS) - 2} | {len(CHECKS)} |" in text


def test_the_page_says_that_all_four_conform(script):
    text = script["PAGE"].read_text()
    heads = " | ".join(script["BACKENDS"])
    assert f"| check | what it holds a backend to | {heads} |" in text
    assert "| failed | 0 | 0 | 0 | 0 |" in text


@pytest.mark.slow
def test_the_page_is_current(script):
    kept = script["PAGE"].read_text().partition(script["MARK"])[2].strip()
    assert kept == script["render"]([run(name) for name in script["BACKENDS"]]).strip()
