"""Running the checks on a backend."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from qgd_core.backends.api import Backend, Capabilities
from qgd_core.backends.registry import CORE, get_backend, list_backends
from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.sheet import FAILED, GAP, NOT_DECLARED, PASSED, Sheet, Verdict
from qgd_core.conformance.subject import Check, Subject
from qgd_core.errors import ConfigError, suggest


def run(
    backend: str | Backend,
    *,
    options: Mapping[str, Any] | None = None,
    gaps: Mapping[str, str] | None = None,
    only: Iterable[str] | None = None,
    seed: int = 1,
    shots: int = 40_000,
) -> Sheet:
    """Hold a backend to the conformance suite.

    Arguments: backend, a name as get_backend takes it, or the object; options, for the name; gaps, known
    failures as {check: reason}; only, names of checks, all by default; seed; shots for each sampling check.
    Result: the verdict sheet. A check is skipped only where a capability it needs is not declared.
    Raises: ConfigError for an unknown check or a gap without a reason; what get_backend raises.
    Source: none.
    """
    subject = make_subject(backend, options or {}, seed, shots)
    known = require_gaps(gaps)
    names = list(CHECKS) if only is None else list(only)
    require_known(names)
    verdicts = tuple(judge(CHECKS[name], subject, known.get(name)) for name in names)
    return Sheet(subject.spec, versions(subject.spec), seed, shots, verdicts)


def judge(check: Check, subject: Subject, gap: str | None = None) -> Verdict:
    """One check's verdict; a gap that passes or is not run fails, so that none outlives its reason."""
    lacking = [need for need in check.needs if not meets(subject.backend.capabilities, need)]
    if lacking and gap is None:
        return Verdict(check.name, NOT_DECLARED, ", ".join(lacking), 0.0)
    if lacking:
        return Verdict(check.name, FAILED, f"listed as a gap ({gap}), but it is not declared: remove it", 0.0)
    start = time.perf_counter()
    problem = ""
    try:
        check.function(subject)
    except AssertionError as error:
        problem = str(error) or "the check failed"
    except Exception as error:  # what is declared and raises, whatever it raises, fails
        problem = f"{type(error).__name__}: {error}"
    seconds = round(time.perf_counter() - start, 3)
    if gap is None:
        return Verdict(check.name, FAILED if problem else PASSED, problem, seconds)
    if problem:
        return Verdict(check.name, GAP, f"{gap} ({problem})", seconds)
    return Verdict(check.name, FAILED, f"listed as a gap ({gap}), but it passes: remove it", seconds)


def make_subject(backend: str | Backend, options: Mapping[str, Any], seed: int, shots: int) -> Subject:
    """The subject that checks are run on."""
    if isinstance(backend, Backend):
        return Subject(backend, backend.name, seed, shots)
    return Subject(
        get_backend(backend, **options),
        backend,
        seed,
        shots,
        lambda **more: get_backend(backend, **{**options, **more}),
    )


def meets(capabilities: Capabilities, need: str) -> bool:
    """True when the need holds: "not x" where x is not declared, "x or y" where one of them is."""
    if need.startswith("not "):
        return not getattr(capabilities, need.removeprefix("not "))
    return any(getattr(capabilities, name) for name in need.split(" or "))


def require_gaps(gaps: Mapping[str, str] | None) -> dict[str, str]:
    """The gaps, if each names a check and has a reason; ConfigError otherwise."""
    known = dict(gaps or {})
    require_known(known)
    for name, reason in known.items():
        if not reason.strip():
            raise ConfigError(f"The gap {name!r} has no reason.", subject=name, remedy="Say why it is known.")
    return known


def require_known(names: Iterable[str]) -> None:
    """Raise ConfigError for a name that no check has."""
    for name in names:
        if name not in CHECKS:
            raise ConfigError(
                f"No check is called {name!r}.{suggest(name, CHECKS)}",
                subject=name,
                remedy=f"The checks are: {', '.join(CHECKS)}.",
            )


def versions(spec: str) -> dict[str, str]:
    """Versions of the core, numpy, the plugin and what it asks for, but for its tests: its SDK, optional ones too."""
    owners = {row.distribution for row in list_backends() if row.name == spec.partition(":")[0]} - {CORE}
    asked = {
        re.split(r"[^\w.-]", text)[0]
        for owner in owners
        for text in requires(owner) or ()
        if not re.search(r"""extra == ['"]dev['"]""", text)
    }
    found = {}
    for name in sorted({CORE, "numpy", *owners, *asked}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
