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
OTHERS = {  # distribution, name of the backend, module: each broken in a way of its own
    ("qgd-later", "later", "qgd_later"): PLUGIN.replace('"crooked"', '"later"').replace(
        "make, 1)", "make, 2)"
    ),
    ("qgd-crash", "crash", "qgd_crash"): "raise RuntimeError('out of order')",
    ("qgd-twin-one", "twin", "qgd_twin_one"): PLUGIN.replace('"crooked"', '"twin"'),
    ("qgd-twin-two", "twin", "qgd_twin_two"): PLUGIN.replace('"crooked"', '"twin"'),
    ("qgd-liar", "liar", "qgd_liar"): PLUGIN.replace('"crooked"', '"liar"').replace(
        'mutant.name == "tdg is t"', 'mutant.name == "shots declared, then refused"'
    ),
}
THREE_LINES = """
from qgd_core.conformance import conformance

test_crooked = conformance("crooked")
"""
SENTENCE = "Every gate of the table, on every position, acts as its matrix."


def install(site, distribution, name, module, source):
    """A plugin of one module, as pip would leave it in a folder."""
    info = site / f"{distribution.replace('-', '_')}-0.3.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(source)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(f"[qgd.backends]\n{name} = {module}\n")


@pytest.fixture
def shell(tmp_path):
    """Runs Python in a folder in which the plugin lies as pip would leave it, and the lines of its own tests."""
    site = tmp_path / "site"
    install(site, "qgd-crooked", "crooked", "qgd_crooked_module", PLUGIN)
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


def test_every_kind_of_broken_plugin_is_named_by_the_shell_and_harms_no_other(shell):
    for names, source in OTHERS.items():
        install(shell.folder / "site", *names, source)
    listed = " ".join(shell("qgd", "backends").stdout.split())
    reasons = {
        "later": "plugin API 2, this core has 1",
        "crash": "RuntimeError: out of order",
        "twin": "claimed by qgd-twin-one and qgd-twin-two",
    }
    for name, reason in reasons.items():
        assert reason.split(",")[0] in listed, listed
        done = shell("qgd", "conformance", name, "--only", "total_and_form")
        assert done.returncode == 2
        assert reason in done.stderr
    done = shell("qgd", "conformance", "liar", "--only", "total_and_form", "--only", "one_x_in_the_vector")
    assert done.returncode == 1
    assert "NotImplementedError" in done.stdout
    assert shell("qgd", "conformance", "crooked", "--only", "one_x_in_the_bits").returncode == 0
