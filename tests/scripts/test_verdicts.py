"""The page of verdicts: what it shows of a sheet, and that it is the current one."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from qgd_core.backends.api import Capabilities
from qgd_core.conformance import CHECKS, Sheet, checks
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
    sheets = [sheet_of("reference", every_gate=FAILED, repeats=GAP), sheet_of("emulator")]
    text = script["render"](sheets, [Capabilities(), Capabilities(postselect=True)], [{}, {"noise": False}])
    for name, check in CHECKS.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        mark = {"every_gate": "FAILED", "repeats": "gap"}.get(name, "✓")
        assert line == f"| `{name}` | {check.sentence} | {mark} | ✓ |"
    assert (
        "- reference, `every_gate`: failed: about every_gate\n- reference, `repeats`: gap: about repeats"
        in text
    )
    assert "Seed 3; qgd-core 9.8." in text
    assert "- `emulator`: some-sdk 7.6" in text
    n = len(CHECKS)
    assert (
        f"| `reference` | none | yes | success counter | no | no limit | 4,000 | {n - 2} | 0 | 1 | 1 |"
        in text
    )
    assert f"| `emulator` | noise=False | yes | in place | no | no limit | 4,000 | {n} | 0 | 0 | 0 |" in text


def test_the_page_says_that_every_target_conforms(script):
    text = script["PAGE"].read_text()
    for target in script["TARGETS"]:
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{target.spec}` |")]
        passed, _, gaps, failed = (int(cell) for cell in row.split("|")[-5:-1])
        assert passed > 0
        assert (gaps, failed) == (len(target.gaps), 0)


@pytest.mark.slow
def test_the_page_is_current():
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-300:]
