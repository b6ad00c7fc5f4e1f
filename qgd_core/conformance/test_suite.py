"""The suite for `pytest --pyargs qgd_core.conformance --qgd-backend=NAME`."""

from __future__ import annotations

from functools import cache

import pytest

from qgd_core.config import read_changes
from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.door import tell
from qgd_core.conformance.gaps import read_gaps
from qgd_core.conformance.runner import judge, make_subject
from qgd_core.conformance.subject import Subject


@cache
def subject_of(spec: str, config: pytest.Config) -> tuple[Subject, dict[str, str]]:
    """The subject of a named backend, made once, and its known gaps."""
    options = read_changes(config.getoption("--qgd-set"))
    gaps = config.getoption("--qgd-gaps")
    subject = make_subject(spec, options, config.getoption("--qgd-seed"), config.getoption("--qgd-shots"))
    return subject, read_gaps(gaps) if gaps else {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per backend and check; no backend named is an error, not an empty success."""
    specs = metafunc.config.getoption("--qgd-backend")
    if not specs:
        raise pytest.UsageError("Name a backend: --qgd-backend=qiskit:aer")
    metafunc.parametrize("spec", specs)
    metafunc.parametrize("check", list(CHECKS))


def test_conformance(spec: str, check: str, pytestconfig: pytest.Config) -> None:
    """The backend passes the check."""
    subject, gaps = subject_of(spec, pytestconfig)
    tell(judge(CHECKS[check], subject, gaps.get(check)))
