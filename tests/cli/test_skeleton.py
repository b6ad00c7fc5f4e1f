"""qgd new-backend: a package that installs, is discovered and conforms before its author has written a line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qgd_core.cli.skeleton import TEMPLATES, write_skeleton
from qgd_core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    return write_skeleton("my_sim", tmp_path)


def test_it_installs_is_discovered_and_conforms(project, tmp_path):
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", "site", project], cwd=tmp_path, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}

    def shell(*arguments):
        code = "from qgd_core.cli import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert re.search(r"my_sim +simulator +qgd-backend-my_sim 0\.1\.0 +ok", shell("backends").stdout)
    printed = shell("conformance", "my_sim", "--json", "sheet.json")
    assert printed.returncode == 0, printed.stdout
    sheet = json.loads((tmp_path / "sheet.json").read_text())
    statuses = {verdict["check"]: verdict["status"] for verdict in sheet["verdicts"]}
    assert [check for check, status in statuses.items() if status not in ("passed", "not declared")] == []
    assert statuses["declares_the_floor"] == "passed"
    assert statuses["carleman_window"] == "passed"
    assert "qgd-backend-my_sim" in sheet["versions"]


@pytest.mark.slow
def test_its_own_tests_are_the_suite(project, tmp_path):
    info = tmp_path / "qgd_backend_my_sim-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: qgd-backend-my_sim\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[qgd.backends]\nmy_sim = qgd_backend_my_sim\n")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{project}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", project]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def test_a_complete_backend_takes_less_than_150_lines(project):
    lines = {
        path.name: len(path.read_text().splitlines()) for path in project.glob("qgd_backend_my_sim/*.py")
    }
    assert set(lines) == {"__init__.py", "backend.py", "lower.py", "engine.py"}
    assert sum(lines.values()) - lines["engine.py"] < 150


def test_it_touches_only_the_plugin_seam_and_no_template_is_left_over(project):
    text = "".join(path.read_text() for path in project.glob("qgd_backend_my_sim/*.py"))
    assert set(re.findall(r"(?:from|import) (qgd_core[\w.]*)", text)) == {"qgd_core.plugin"}
    assert "$" not in "".join(path.read_text() for path in project.rglob("*.*"))
    kept = {path.name for path in (ROOT / "qgd_core" / "cli" / "templates").iterdir()}
    assert kept == set(TEMPLATES.values())


def test_it_meets_the_style_of_the_house(project):
    settings = ["--config", ROOT / "pyproject.toml", "--no-cache", project]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, *settings]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_shell_says_what_to_do_next(qgd):
    code, out, err = qgd("new-backend", "mysim", "--out", "made")
    assert (code, err) == (0, "")
    assert "pip install -e made/qgd-backend-mysim\n" in out
    assert (qgd.folder / "made" / "qgd-backend-mysim" / "qgd_backend_mysim" / "backend.py").exists()


@pytest.mark.parametrize("name", ["My_Sim", "3d", "my-sim", "", "a__b", "../up"])
def test_names_that_no_package_can_have_are_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot be called"):
        write_skeleton(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["reference", "qiskit", "braket"])
def test_names_that_are_taken_are_refused_with_their_owner(name, tmp_path):
    with pytest.raises(ConfigError, match="belongs to qgd-"):
        write_skeleton(name, tmp_path)


def test_what_is_there_already_is_left_alone(project, tmp_path):
    (project / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="cannot be made: File exists"):
        write_skeleton("my_sim", tmp_path)
    assert (project / "README.md").read_text() == "mine"
