"""The suite inside a plugin's own tests: three lines, one test per check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from qgd_core.backends.api import Backend
from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.runner import judge, make_subject, require_gaps
from qgd_core.conformance.sheet import FAILED, PASSED, Verdict


def conformance(
    backend: str | Backend,
    *,
    options: Mapping[str, Any] | None = None,
    gaps: Mapping[str, str] | None = None,
    seed: int = 1,
    shots: int = 40_000,
) -> Callable[[str], None]:
    """Make the test function of a plugin: `test_conformance = conformance("qiskit:aer")`.

    Arguments: as run.
    Result: a pytest test, parametrised over the checks; what is not declared is skipped, with the capability
    named, and so are known gaps, with their reasons.
    Raises: ConfigError for a gap that names no check or has no reason.
    Source: none.
    """
    import pytest

    known = require_gaps(gaps)
    subject = cache(lambda: make_subject(backend, options or {}, seed, shots))

    @pytest.mark.parametrize("check", list(CHECKS))
    def test_conformance(check: str) -> None:
        tell(judge(CHECKS[check], subject(), known.get(check)))

    return test_conformance


def tell(verdict: Verdict) -> None:
    """Hand a verdict to pytest."""
    import pytest

    if verdict.status == FAILED:
        pytest.fail(f"{CHECKS[verdict.check].sentence}\n{verdict.detail}", pytrace=False)
    if verdict.status != PASSED:
        pytest.skip(f"{verdict.status}: {verdict.detail}")
