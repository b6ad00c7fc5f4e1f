"""qgd: train classical machine-learning models with fault-tolerant quantum algorithms.

Every public name is loaded when it is first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that holds it.
_HOME = {
    "PolynomialField": "qgd_core.dynamics.polynomial",
    "LinearODE": "qgd_core.ode.flow",
    "LinearRecurrence": "qgd_core.ode.base",
    "LinearSystem": "qgd_core.linear.system",
    "block_encode": "qgd_core.encodings.choose",
    "list_encodings": "qgd_core.encodings.choose",
    "plan": "qgd_core.planner.choose",
    "solve": "qgd_core.planner.solve",
    "list_solvers": "qgd_core.planner.solvers",
    "get_backend": "qgd_core.backends.registry",
    "list_backends": "qgd_core.backends.registry",
    "QgdError": "qgd_core.errors",
}
# Folders used as namespaces. `carleman` is both: the folder, and a function when it is called.
_FOLDERS = ("carleman", "learn")

__all__ = ["__version__", *_HOME, *_FOLDERS]


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return import_module(f"qgd_core.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'qgd_core' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
