"""Training: the only home of torch. Public names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Public name -> the module of this folder that holds it.
_HOME = {
    "ActiveSet": "active",
    "QuantumGradientDescent": "optimizer",
    "SparseTrainer": "trainer",
    "dissipation_report": "dissipation",
    "error_proxy": "proxy",
    "hessian_spectrum": "spectrum",
    "prune": "pruning",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
