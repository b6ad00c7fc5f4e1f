"""A broken plugin, installed and asked for by its name: each of the three doors ends with 1 and names the right check."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
from qgd_core.plugin import BackendDescription, hookimpl

@hookimpl
def qgd_backend():
    return BackendDescription("crooked", (), "takes tdg for t", make, 1)

def make(target, options):
    from qgd_core.backends.options import read_options
    from qgd_core.backends.reference import NoOptions
    from qgd_core.conformance.mutant_table import MUTANTS
    from qgd_core.conformance.mutants import MutantBackend

    read_options(NoOptions, options, "crooked")
    [mutant] = [mutant for mutant in MUTANTS if mutant.name == "tdg is t"]
    return MutantBackend(mutant)
"""
THREE_LINES = """
from qgd_core.conformance import conformance

test_crooked = conformance("crooked")
"""
SENTENCE = "Every gate of the table, on every position, acts as its matrix."


@pytest.fixture
def shell(tmp_path):
    """Runs Python in a folder in which the plugin lies as pip would leave it, and the lines of its own tests."""
    site, info = tmp_path / "site", tmp_path / "site" / "qgd_crooked-0.3.dist-info"
    info.mkdir(parents=True)
    (site / "qgd_crooked_module.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: qgd-crooked\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[qgd.backends]\ncrooked = qgd_crooked_module\n")
    (tmp_path / "test_crooked.py").write_text(THREE_LINES)

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": str(site)}
        program, *rest = arguments
        command = [str(Path(sys.executable).with_name(program)), *rest]  # as pip installed it
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    run.folder = tmp_path
    return run


def test_the_shell_door(shell):
    flags = ["--only", "every_gate", "--only", "one_x_in_the_bits", "--json", "sheet.json"]
    done = shell("qgd", "conformance", "crooked", *flags)
    assert done.returncode == 1, done.stderr
    assert "crooked does not conform: 1 passed, 0 not declared, 0 gap, 1 failed" in done.stdout
    sheet = json.loads((shell.folder / "sheet.json").read_text())
    assert {v["check"]: v["status"] for v in sheet["verdicts"]} == {
        "every_gate": "failed",
        "one_x_in_the_bits": "passed",
    }
    assert sheet["versions"]["qgd-crooked"] == "0.3"


@pytest.mark.parametrize(
    "arguments",
    [("--pyargs", "qgd_core.conformance", "--qgd-backend=crooked"), ("test_crooked.py",)],
    ids=["by its name", "in three lines"],
)
def test_the_two_doors_of_pytest(shell, arguments):
    some = ("-p", "no:cacheprovider", "--color=no", "-rA", "-k", "every_gate or one_x_in_the_bits")
    done = shell("pytest", *arguments, *some)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    [failed] = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert "every_gate" in failed
    assert SENTENCE in done.stdout
    assert "tdg" in done.stdout


def test_an_unbroken_plugin_of_the_same_making_passes(shell):
    honest = PLUGIN.replace("MutantBackend(mutant)", "ToyBackend()").replace(
        "    [mutant]", "    from qgd_core.conformance.toy import ToyBackend\n    [mutant]"
    )
    (shell.folder / "site" / "qgd_crooked_module.py").write_text(honest)
    assert shell("qgd", "conformance", "crooked", "--only", "every_gate").returncode == 0
