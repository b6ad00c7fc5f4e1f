"""Options of the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class CirqOptions:
    """Options of `cirq:simulator`."""

    postselect: Literal["segments", "measure", "counter"] = "segments"
    """One simulation per post-selection, mid-circuit measurements shot by shot, or one success counter."""
