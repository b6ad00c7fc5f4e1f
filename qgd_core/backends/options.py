"""Options of a backend, read into the plugin's own frozen dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from qgd_core.errors import ConfigError, suggest

T = TypeVar("T")


def read_options(kind: type[T], options: Mapping[str, Any], backend: str) -> T:
    """Check a table of options against a frozen dataclass whose fields all have defaults.

    Arguments: kind, the dataclass; options, name to value; backend, its name, used in errors.
    Result: an instance of `kind`.
    Raises: ConfigError for an unknown name (with the nearest one) or a wrong type (nothing is coerced).
    Source: none.
    """
    fields: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in options:
        if name not in fields:
            raise ConfigError(
                f"Unknown option {name!r} of backend {backend}.{suggest(name, fields)}",
                subject=name,
                remedy=f"Its options are: {', '.join(f'{n} ({t})' for n, t in fields.items()) or 'none'}.",
            )
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(kind)
    for name, value in options.items():
        try:
            TypeAdapter(hints[name]).validate_python(value, strict=True)
        except ValidationError as error:
            raise ConfigError(
                f"Option {name!r} of backend {backend} is {value!r}: {error.errors()[0]['msg']}.",
                subject=name,
                remedy=f"It takes {fields[name]}.",
            ) from None
    return kind(**options)
