"""Known gaps from a file: one line `check = "reason"` for each."""

from __future__ import annotations

import tomllib
from pathlib import Path

from qgd_core.conformance.runner import require_gaps
from qgd_core.errors import ConfigError


def read_gaps(path: str | Path) -> dict[str, str]:
    """Read a plugin's known gaps.

    Arguments: path of a TOML file of lines `check = "reason"`.
    Result: the reason of each gap, by the name of its check.
    Raises: ConfigError for a file that cannot be read or is not TOML, an unknown check, with the nearest one, and a
    gap whose reason is empty or no text.
    Source: none.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {reason}.", subject=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.",
            subject=str(path),
            remedy='Write one line for each gap: check = "reason".',
        ) from None
    for name, text in table.items():
        if not isinstance(text, str):
            raise ConfigError(
                f"The gap {name!r} in {path} has the reason {text!r}.",
                subject=name,
                remedy="Write it as a text.",
            )
    return require_gaps(table)
