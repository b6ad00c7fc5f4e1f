"""A plugin from outside: installed by pip beside the core, it is found, holds to the seam, and passes the suite."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "third_party_backend"


PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]


def is_cut_off(stderr):
    """Whether pip failed for want of a network, rather than for a wrong pin, a broken wheel or anything else."""
    return "connection broken by" in stderr


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run Python in a place where pip has installed the example and the simulator it is for."""
    folder = tmp_path_factory.mktemp("third_party")
    pip = [*PIP, "--target", folder / "site"]
    simulator = [*pip, "--constraint", ROOT / "constraints.txt", "qulacs"]
    done = subprocess.run(simulator, capture_output=True, text=True)
    if done.returncode and is_cut_off(done.stderr):
        pytest.skip(f"pip reaches no index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    plugin = [*pip, "--no-index", "--no-build-isolation", EXAMPLE]
    subprocess.run(plugin, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(folder / "site")}

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_it_passes_the_whole_suite_from_its_own_three_lines(python):
    done = python("-m", "pytest", "-p", "no:cacheprovider", "--color=no", EXAMPLE / "tests")
    assert done.returncode == 0, done.stdout
    summary = done.stdout.strip().splitlines()[-1]
    assert "failed" not in summary
    assert int(summary.split(" passed")[0].split()[-1]) >= 55


@pytest.mark.slow
def test_it_is_listed_without_its_sdk(python):
    code = """
import sys
from qgd_core.backends.registry import list_backends
[row] = [row for row in list_backends() if row.name == "qulacs"]
print(row.status, row.distribution, row.version, "qulacs" in sys.modules, "qulacs_core" in sys.modules)
"""
    assert python("-c", code).stdout.split() == ["ok", "qgd-backend-qulacs", "0.1.0", "False", "False"]


@pytest.mark.parametrize(
    ("flags", "cut_off"),
    [
        (["--index-url", "http://127.0.0.1:9/simple", "--retries", "1"], True),
        (["--no-index"], False),
    ],
    ids=["no network", "no such version"],
)
def test_only_a_lost_network_is_a_reason_to_skip(flags, cut_off, tmp_path):
    command = [*PIP, "--isolated", "--target", tmp_path, *flags, "no-such-package==0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode
    assert is_cut_off(done.stderr) is cut_off


def test_it_is_short_and_the_core_does_not_know_it():
    files = list(EXAMPLE.glob("qgd_backend_qulacs/*.py"))
    assert 0 < sum(len(file.read_text().splitlines()) for file in files) < 150
    core = [*ROOT.glob("qgd_core/**/*.py"), *ROOT.glob("qgd_core/**/*.txt"), *ROOT.glob("backends/**/*.py")]
    assert not [file for file in core if "qulacs" in file.read_text().lower()]
