"""Carleman linearisation: polynomial maps and flows as sparse linear ones. Call the package to linearise."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qgd_core.carleman.system import CarlemanSystem as CarlemanSystem
    from qgd_core.carleman.system import carleman as carleman

__all__ = ["CarlemanSystem", "carleman"]


class _CallablePackage(ModuleType):
    """The package is named as its one verb, so qgd_core.carleman(field, ...) is carleman(field, ...)."""

    def __call__(self, *args: Any, **options: Any) -> CarlemanSystem:
        from qgd_core.carleman.system import carleman

        return carleman(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage


def __getattr__(name: str) -> Any:
    if name in __all__:
        from qgd_core.carleman import system

        return getattr(system, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
