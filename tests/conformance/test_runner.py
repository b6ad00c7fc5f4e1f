"""Skips are declared, gaps are strict, nothing passes by running nothing."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.conformance import CHECKS, checks, conformance, run
from qgd_core.conformance.gaps import read_gaps
from qgd_core.conformance.mutants import Mutant, MutantBackend
from qgd_core.conformance.mutations import rename
from qgd_core.conformance.runner import judge, make_subject, versions
from qgd_core.conformance.sheet import FAILED, GAP, NOT_DECLARED, PASSED
from qgd_core.conformance.toy import ToyBackend
from qgd_core.errors import ConfigError, UnknownBackend

BROKEN = MutantBackend(Mutant("tdg is t", "every_gate", gate=rename(tdg="t")))


def only(sheet):
    [verdict] = sheet.verdicts
    return verdict


@pytest.mark.parametrize("name", ["reference", "emulator"])
def test_the_built_in_backends_conform(name):
    sheet = run(name)
    assert sheet.passed, sheet.to_table()
    assert sheet.count(FAILED) == sheet.count(GAP) == 0


def test_a_check_is_skipped_only_by_declaration():
    verdict = only(run(ToyBackend(), only=["a_branch_is_needed"]))
    assert (verdict.status, verdict.detail) == (NOT_DECLARED, "not gates")


def test_nothing_run_is_not_a_pass():
    assert not run(ToyBackend(), only=[]).passed
    assert not run(ToyBackend(), only=["a_branch_is_needed"]).passed


def test_a_gap_is_strict_both_ways():
    verdict = only(run(BROKEN, only=["every_gate"], gaps={"every_gate": "tdg is being fixed"}))
    assert verdict.status == GAP
    assert "tdg is being fixed" in verdict.detail
    verdict = only(run(ToyBackend(), only=["every_gate"], gaps={"every_gate": "no longer"}))
    assert verdict.status == FAILED
    assert "remove it" in verdict.detail


def test_a_gap_of_what_is_not_declared_is_stale():
    verdict = only(run(ToyBackend(), only=["a_branch_is_needed"], gaps={"a_branch_is_needed": "later"}))
    assert verdict.status == FAILED
    assert "not declared" in verdict.detail


def test_gaps_are_read_from_a_file_and_mistakes_in_it_are_named(tmp_path):
    file = tmp_path / "gaps.toml"
    file.write_text('every_gate = "tdg is being fixed"\n')
    assert read_gaps(file) == {"every_gate": "tdg is being fixed"}
    for text, match in (
        ("every_gate = 3", "reason 3"),
        ("every_gate", "not valid TOML"),
        ('evry_gate = "x"', "'every_gate'"),
        ('every_gate = " "', "no reason"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=match):
            read_gaps(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_gaps(tmp_path / "nowhere.toml")


def test_unknown_names_are_rejected_with_the_nearest():
    with pytest.raises(ConfigError, match="'every_gate'"):
        run(ToyBackend(), only=["evry_gate"])
    with pytest.raises(ConfigError, match="No check"):
        run(ToyBackend(), gaps={"nothing": "why"})
    with pytest.raises(ConfigError, match="no reason"):
        run(ToyBackend(), gaps={"every_gate": " "})
    with pytest.raises(ConfigError):
        conformance("reference", gaps={"nothing": "why"})
    with pytest.raises(UnknownBackend):
        run("nothing_like_it")


def test_the_sheet_as_json_and_as_a_table():
    sheet = run(BROKEN, only=["every_gate", "one_x_in_the_bits", "a_branch_is_needed"], seed=4, shots=1000)
    stored = json.loads(sheet.to_json())
    assert (stored["seed"], stored["shots"], stored["passed"]) == (4, 1000, False)
    assert {v["check"]: v["status"] for v in stored["verdicts"]} == {
        "every_gate": FAILED,
        "one_x_in_the_bits": PASSED,
        "a_branch_is_needed": NOT_DECLARED,
    }
    assert "qgd-core" in stored["versions"]
    assert "does not conform: 1 passed, 1 not declared, 0 gap, 1 failed" in sheet.to_table()


def test_the_versions_are_those_of_core_plugin_and_sdk():
    found = set(versions("cirq:simulator"))
    assert {"qgd-core", "numpy", "qgd-backend-cirq", "cirq-core"} <= found
    assert found.isdisjoint({"ply", "qiskit", "pennylane"})
    assert set(versions("reference")) == set(versions("no such backend")) == {"qgd-core", "numpy"}


def test_a_backend_that_takes_any_option_fails_the_check_for_options():
    subject = replace(make_subject(ToyBackend(), {}, 1, 100), make=lambda **options: ToyBackend())
    assert judge(CHECKS["options_are_checked"], subject).status == FAILED
    subject = replace(subject, make=lambda **options: get_backend("reference", **options))
    assert judge(CHECKS["options_are_checked"], subject).status == PASSED


def test_a_backend_wrong_on_stored_circuits_fails_the_check_for_them(monkeypatch):
    monkeypatch.setattr(checks.contract, "from_json", lambda text: checks.ordering.one_x(3, 0))
    assert judge(CHECKS["stored_circuits"], make_subject(ToyBackend(), {}, 1, 100)).status == FAILED


def test_every_check_says_what_it_holds_a_backend_to():
    for check in CHECKS.values():
        assert check.sentence.endswith("."), check.name


def pytest_run(*args, **env):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "qgd_core.conformance",
        *args,
    ]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, check=False)


def test_the_pytest_door():
    done = pytest_run("--qgd-backend=emulator", "--qgd-shots=2000")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "error" not in done.stdout.lower()
    assert pytest_run().returncode != 0
    refused = pytest_run("--qgd-backend=reference", "--qgd-set=a=1", "-k", "every_gate")
    assert "Unknown option 'a'" in refused.stdout


def test_the_suite_bites_without_assertions():
    script = (
        "from qgd_core.conformance import run\n"
        "from qgd_core.conformance.mutant_table import MUTANTS\n"
        "from qgd_core.conformance.mutants import MutantBackend\n"
        "raise SystemExit(sum(run(MutantBackend(m), only=[m.killer]).passed for m in MUTANTS))"
    )
    assert subprocess.run([sys.executable, "-O", "-c", script], check=False).returncode == 0
