"""Every error the project raises: what failed, the number that failed, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QgdError(Exception):
    """Root of all errors raised on purpose; shells print it as one sentence and exit with code 2.

    Arguments: message (what failed, naming the input), subject (the failing object), value (the
    number that failed) and remedy (what to do next, one sentence).
    """

    def __init__(
        self, message: str, *, subject: object = None, value: float | None = None, remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.value = value
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class ConfigError(QgdError):
    """A configuration file, option or argument is unknown, mistyped or out of range."""


class UnknownBackend(QgdError):
    """No installed backend, or no target of it, has the requested name."""


class PluginError(QgdError):
    """A backend plugin cannot be loaded, is a duplicate, or was built for another API version."""


class UnsupportedOperation(QgdError):
    """A backend was asked for something it does not declare."""


class PrecisionUnreachable(QgdError):
    """The requested accuracy cannot be met; `value` is the nearest that can."""


class LostInRounding(PrecisionUnreachable):
    """Rounding alone misses a polynomial by `value`, which is above the `allowed` error."""

    def __init__(self, missed: float, allowed: float, subject: object) -> None:
        super().__init__(
            f"Rounding leaves an error of {missed:.2g}, above {allowed:.2g}.",
            subject=subject,
            value=missed,
            remedy=f"Ask for {2 * missed:.1g} or more.",
        )
        self.allowed = allowed


class NotDissipative(QgdError):
    """A window or field is not admissible; `value` is the number that failed."""


class ResultMissing(QgdError):
    """A result was asked for before, or without, the run that produces it."""


def suggest(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest known name, with a space before it; empty when none is near."""
    near = difflib.get_close_matches(name, [other for other in known if other != name], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for a mistyped name: the nearest known one, if any is near, and the list of all."""
    names = list(known)
    return f"{suggest(name, names)} Known: {', '.join(names) or 'none'}.".lstrip()
