"""The package that `qgd new-backend` writes: templates beside this file, filled with a name."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from qgd_core import __version__
from qgd_core.backends.hooks import API_VERSION
from qgd_core.backends.registry import KNOWN, list_backends
from qgd_core.errors import ConfigError

# File in the new package -> its template; "package" stands for the name that is imported.
TEMPLATES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "package/__init__.py": "hook.py.txt",
    "package/backend.py": "backend.py.txt",
    "package/lower.py": "lower.py.txt",
    "package/engine.py": "engine.py.txt",
    "tests/test_conformance.py": "test_conformance.py.txt",
}


def write_skeleton(name: str, folder: Path) -> Path:
    """Write the package of a new backend.

    Arguments: name, as it will stand in backend strings; folder, in which `qgd-backend-<name>` is made.
    Result: the path of the new project.
    Raises: ConfigError for a name that is no identifier or is taken, and where the project exists already or
    cannot be written.
    Source: none.
    """
    project = folder / f"qgd-backend-{name}"
    _require_free(name)
    title = "".join(part.capitalize() for part in name.split("_"))
    words = {
        "name": name,
        "package": f"qgd_backend_{name}",
        "title": title,
        "version": __version__,
        "api_version": str(API_VERSION),
    }
    try:
        project.mkdir(parents=True)
        for place, template in TEMPLATES.items():
            path = project / place.replace("package", words["package"])
            path.parent.mkdir(exist_ok=True)
            text = (files("qgd_core.cli") / "templates" / template).read_text(encoding="utf-8")
            path.write_text(Template(text).substitute(words), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{project} cannot be made: {error.strerror}.",
            subject=str(project),
            remedy="Choose another folder with --out.",
        ) from None
    return project


def _require_free(name: str) -> None:
    """Raise ConfigError unless a new backend may be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ConfigError(
            f"A backend cannot be called {name!r}.",
            subject=name,
            remedy="Use small letters, digits and underscores, beginning with a letter.",
        )
    owners = {row.name: row.distribution for row in list_backends()}
    owner = owners.get(name) or (f"qgd-backend-{name}" if name in KNOWN else None)
    if owner:
        raise ConfigError(
            f"The name {name!r} belongs to {owner}.", subject=name, remedy="Choose one of your own."
        )
