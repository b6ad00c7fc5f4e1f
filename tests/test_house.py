"""The house rules that no linter knows: light imports, a complete front door, backends that touch only the plugin seam."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import qgd_core

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = [*sorted(ROOT.glob("backends/*_backend")), *sorted(ROOT.glob("examples/*_backend"))]
PROJECTS = [ROOT / "pyproject.toml", *(folder / "pyproject.toml" for folder in PLUGINS)]
HEAVY = ("torch", "sklearn", "qiskit", "cirq", "braket", "pennylane", "matplotlib", "jinja2")
STARTS = {
    "import qgd_core": "import qgd_core",
    "qgd --help": "import sys; sys.argv = ['qgd', '--help']\nfrom qgd_core.cli import main\n"
    "try: main()\nexcept SystemExit: pass",
}


def start(code: str) -> tuple[float, set[str]]:
    """Run `code` in a fresh interpreter; return the CPU seconds it took past the bare start, and the packages it loaded."""
    probe = (
        f"import sys, time; began = time.process_time()\n{code}\n"
        "print('\\n', time.process_time() - began, *{name.partition('.')[0] for name in sys.modules})"
    )
    printed = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    seconds, *packages = printed.splitlines()[-1].split()
    return float(seconds), set(packages)


@pytest.mark.parametrize("code", STARTS.values(), ids=STARTS)
def test_starting_is_light(code: str) -> None:
    seconds, packages = min(start(code) for _ in range(3))
    assert not packages & set(HEAVY)
    assert seconds < 0.3


@pytest.mark.parametrize("name", qgd_core.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(qgd_core, name) is not None


def test_an_unknown_public_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'polynomial_field'"):
        _ = qgd_core.polynomial_field  # type: ignore[attr-defined]


def imported(file: Path) -> set[str]:
    """Return the full names of the modules a file imports, wherever in the file it does so."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


SHIPPED = sorted(file for folder in PLUGINS for file in folder.glob("qgd_backend_*/**/*.py"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_shipped_backend_code_imports_only_the_plugin_seam(file: Path) -> None:
    allowed = ("qgd_core", "qgd_core.plugin")
    core = {name for name in imported(file) if name.partition(".")[0] == "qgd_core"}
    assert not {name for name in core if name not in allowed and not name.startswith("qgd_core.plugin.")}


def declared(file: Path) -> set[str]:
    """Return the names of the distributions a project asks for, in every extra that the set-up installs."""
    project = tomllib.loads(file.read_text())["project"]
    extras = project.get("optional-dependencies", {})
    lists = [project["dependencies"], *(extras.get(name, []) for name in ("learn", "report", "dev"))]
    return {Requirement(text).name for texts in lists for text in texts} - {"qgd-core"}


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: file.parent.name)
def test_every_declared_dependency_is_pinned(file: Path) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    assert declared(file)
    assert declared(file) <= pinned


@pytest.mark.parametrize("file", PROJECTS[:5], ids=lambda file: file.parent.name)
def test_what_the_tests_need_is_installed_so_that_none_is_skipped(file: Path) -> None:
    assert [name for name in declared(file) if not list(distributions(name=name))] == []


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: file.parent.name)
def test_every_distribution_states_its_licence_and_pythons(file: Path) -> None:
    project = tomllib.loads(file.read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11,<3.14"
