"""Finding backends: built-in ones and plugins, each loaded in its own guard, a broken one harming no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from qgd_core.backends.builtin import BUILT_IN
from qgd_core.backends.hooks import API_VERSION, PROJECT, BackendDescription, BackendHooks
from qgd_core.errors import ConfigError, PluginError, QgdError, UnknownBackend, suggest

if TYPE_CHECKING:
    from qgd_core.backends.api import Backend

GROUP = "qgd.backends"
CORE = "qgd-core"
KNOWN = ("qiskit", "cirq", "braket", "pennylane")  # published as qgd-backend-<name>


@dataclass(frozen=True)
class BackendRow:
    """One line of `qgd backends`; status is "ok", "broken" or "duplicate", and reason says why."""

    name: str
    targets: tuple[str, ...]
    distribution: str
    version: str
    status: str
    reason: str
    summary: str


class Registry:
    """The built-in backends and those of the entry points `points`, all registered with one plugin manager."""

    def __init__(self, points: Iterable[EntryPoint]) -> None:
        self.rows: list[BackendRow] = []
        self._found: dict[str, BackendDescription] = {}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(BackendHooks)
        for plugin in BUILT_IN:
            self._admit(EntryPoint(plugin.name, "qgd_core.backends.builtin:BUILT_IN", GROUP), plugin)
        points = sorted(points, key=lambda point: (point.name, _origin(point)))
        owners = {row.name: [CORE] for row in self.rows}
        for point in points:
            owners.setdefault(point.name, []).append(_origin(point)[0])
        for point in points:
            if len(owners[point.name]) > 1:
                rivals = " and ".join(owners[point.name])
                self._note(point, "duplicate", f"The name {point.name!r} is claimed by {rivals}.")
            else:
                self._load(point)

    def create(self, spec: str, options: Mapping[str, Any]) -> Backend:
        """Make the backend that `spec` names, as get_backend says."""
        if not isinstance(spec, str):
            raise ConfigError(
                f"The backend is {spec!r}, expected a string such as 'qiskit:aer'.", subject=spec
            )
        name, _, target = spec.partition(":")
        if name not in self._found:
            raise self._refusal(name)
        description = self._found[name]
        target = self._match(description, target)
        try:
            return description.factory(target, options)
        except QgdError:
            raise
        except Exception as error:  # the factory is a third party's code
            raise PluginError(
                f"Backend {name!r} failed to start: {_reason(error)}",
                subject=name,
                remedy=f"Reinstall it with {_install(name)} or report it to its author.",
            ) from error

    def _load(self, point: EntryPoint) -> None:
        try:
            plugin = point.load()
            self._admit(point, plugin)
        except (Exception, SystemExit) as error:
            self._note(point, "broken", _reason(error))

    def _admit(self, point: EntryPoint, plugin: object) -> None:
        """Register the plugin and take its description; any exception means it is broken."""
        key = f"{point.name} of {_origin(point)[0]}"
        self._manager.register(plugin, key)
        try:
            hooks = [i for i in self._manager.hook.qgd_backend.get_hookimpls() if i.plugin_name == key]
            if not hooks:
                raise PluginError(f"{point.value} has no function qgd_backend marked with hookimpl.")
            description = _checked(hooks[0].function(), point.name)
        except BaseException:
            self._manager.unregister(plugin)
            raise
        self._found[point.name] = description
        self._note(point, "ok", "", description)

    def _note(
        self, point: EntryPoint, status: str, reason: str, description: BackendDescription | None = None
    ) -> None:
        distribution, version = _origin(point)
        targets = description.targets if description else ()
        summary = description.summary if description else ""
        self.rows.append(BackendRow(point.name, targets, distribution, version, status, reason, summary))

    def _refusal(self, name: str) -> QgdError:
        """Why there is no backend `name`."""
        for row in self.rows:
            if row.name == name:
                return PluginError(
                    f"Backend {name!r} of {row.distribution} {row.version} is {row.status}: {row.reason}",
                    subject=row,
                    remedy="Uninstall all but one of them."
                    if row.status == "duplicate"
                    else f"Upgrade or reinstall it with {_install(name)}, or uninstall {row.distribution}.",
                )
        installed = f"Installed: {', '.join(self._found)}."
        hint = f" Install it with {_install(name)}." if name in KNOWN else ""
        return UnknownBackend(
            f"No backend {name!r} is installed.{suggest(name, (*self._found, *KNOWN))}",
            subject=name,
            remedy=installed + hint,
        )

    def _match(self, description: BackendDescription, target: str) -> str:
        """The target asked for, the first by default; raises UnknownBackend when there is none such."""
        if not target:
            return description.targets[0] if description.targets else ""
        for known in description.targets:
            if re.fullmatch(re.sub(r"<[^>]*>", ".+", re.escape(known)), target):
                return target
        raise UnknownBackend(
            f"Backend {description.name!r} has no target {target!r}.{suggest(target, description.targets)}",
            subject=target,
            remedy=f"Its targets are: {', '.join(description.targets) or 'none'}.",
        )


def get_backend(spec: str, **options: Any) -> Backend:
    """Make the backend named by a string.

    Arguments: spec, "name" or "name:target"; options, those of the backend's own table.
    Result: the backend; its SDK is imported now.
    Raises: UnknownBackend, listing what is installed and the pip command; PluginError, with the reason, when the
    plugin is broken; ConfigError for an unknown or mistyped option.
    Source: none.
    """
    return installed().create(spec, options)


def list_backends() -> list[BackendRow]:
    """Every backend found, broken and duplicate ones with their reasons; no SDK is imported."""
    return list(installed().rows)


@cache
def installed() -> Registry:
    """The registry of this environment, made on first use; `installed.cache_clear()` looks again."""
    return Registry(find_points())


def find_points() -> list[EntryPoint]:
    """The entry points of the group, distributions with unreadable metadata left out, the first of a name kept."""
    points: dict[str, list[EntryPoint]] = {}
    for distribution in distributions():
        try:
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            if name not in points:
                points[name] = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception:  # any package on the path can be damaged; whether it was a backend cannot be read
            continue
    return [point for found in points.values() for point in found]


def _checked(description: object, name: str) -> BackendDescription:
    """The description, if it fits this core and the entry point; raises PluginError otherwise."""
    if not isinstance(description, BackendDescription):
        raise PluginError(f"qgd_backend returned {description!r}, expected a BackendDescription.")
    if description.api_version != API_VERSION:
        raise PluginError(
            f"It was written for plugin API {description.api_version}, this core has {API_VERSION}."
        )
    if description.name != name:
        raise PluginError(f"It describes {description.name!r}, its entry point is called {name!r}.")
    return description


def _origin(point: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that an entry point belongs to; the core for built-in ones."""
    if point.dist is None:
        from qgd_core import __version__

        return CORE, __version__
    return point.dist.name, point.dist.version or "?"


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}".rstrip(": ")


def _install(name: str) -> str:
    return f"`pip install qgd-backend-{name}`"
