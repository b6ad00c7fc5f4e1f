"""The checks, by subject; importing this package fills CHECKS."""

from qgd_core.conformance.checks import (
    contract,
    controls,
    exports,
    gates,
    midway,
    ordering,
    phases,
    pipeline,
    postselection,
    scale,
    shots,
)
from qgd_core.conformance.subject import CHECKS

__all__ = [
    "CHECKS",
    "contract",
    "controls",
    "exports",
    "gates",
    "midway",
    "ordering",
    "phases",
    "pipeline",
    "postselection",
    "scale",
    "shots",
]
