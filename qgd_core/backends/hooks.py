"""The plugin hook: how a package says which backend it brings, without importing any SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pluggy

if TYPE_CHECKING:
    from qgd_core.backends.api import Backend

API_VERSION = 1  # raised when a plugin written for the old seam would no longer work
PROJECT = "qgd"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Factory: TypeAlias = "Callable[[str, Mapping[str, Any]], Backend]"


@dataclass(frozen=True)
class BackendDescription:
    """What a plugin tells about its backend; making one must stay light.

    Arguments: name, equal to the entry point's; targets, the first one the default, a part in angle brackets
    standing for any text ("fake:<name>"); summary, one line; factory, called with the target and the options
    when the backend is first used, the only place that may import the SDK; api_version, the API_VERSION that
    the plugin was written for, as a number.
    """

    name: str
    targets: tuple[str, ...]
    summary: str
    factory: Factory
    api_version: int


class BackendHooks:
    """The hook specifications of the project."""

    @hookspec
    def qgd_backend(self) -> BackendDescription:  # type: ignore[empty-body]
        """Describe the backend of this plugin."""
