"""Multiplexed rotations by Gray code, diagonal gates by multiplexed rotations, one control as one more select."""

from __future__ import annotations

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.ops import MULTIPLEXED, Gate

_RELATIVE_ZERO = 1e-15
FOLDS = {"ry": "mux_ry", "rz": "mux_rz", "phase": "diagonal", **{n: n for n in (*MULTIPLEXED, "diagonal")}}


def fold(gate: Gate) -> Gate:
    """Turn the only control of a gate in FOLDS into its first select, the inactive half of the angles zero."""
    ((qubit, value),) = gate.controls
    active = (0.0, *gate.params) if gate.name == "phase" else gate.params
    idle = (0.0,) * len(active)
    return Gate(FOLDS[gate.name], (qubit, *gate.targets), idle + active if value else active + idle)


def unfold(gate: Gate) -> list[Gate]:
    """Write an uncontrolled multiplexed rotation as rotations between CX.

    Arguments: gate, a mux_ry or mux_rz on m selects.
    Result: at most 2**m rotations and 2**m CX, exact; selects on which no angle depends are left out, as are
    rotations by zero.
    Raises: nothing.
    Source: Mottonen et al., arXiv quant-ph/0404089.
    """
    *selects, target = gate.targets
    gates: list[Gate] = []
    mask = 0
    for word, angle in gray_turns(np.array(gate.params).reshape((2,) * len(selects))):
        gates += _parity(selects, mask ^ word, target)
        gates.append(Gate(MULTIPLEXED[gate.name], (target,), (angle,)))
        mask = word
    return gates + _parity(selects, mask, target)


def gray_turns(angles: RealArray) -> list[tuple[int, float]]:
    """Rotations other than by zero, with their words, in Gray order.

    Arguments: angles, shape (2,) * m, one axis a select, the first most significant.
    Result: pairs (g, turn_g), 0 <= g < 2**m, with angle_i = sum_g turn_g (-1)**popcount(i & g) to rounding.
    Raises: nothing.
    Source: Mottonen et al., arXiv quant-ph/0404089.
    """
    zero = _RELATIVE_ZERO * (1 + float(np.abs(angles).max()))
    for axis in range(angles.ndim):
        low, high = np.moveaxis(angles, axis, 0)
        angles = np.stack([low + high, low - high], axis) / 2
    turns = angles.reshape(-1)
    words = (step ^ (step >> 1) for step in range(turns.size))
    return [(word, float(turns[word])) for word in words if abs(turns[word]) > zero]


def split(gate: Gate) -> list[Gate]:
    """Write an uncontrolled diagonal gate as one multiplexed rz per target and a global phase.

    Arguments: gate, a diagonal on m targets.
    Result: mux_rz on m-1, ..., 0 selects and a gphase, exact.
    Raises: nothing.
    Source: Bullock and Markov, arXiv quant-ph/0303039.
    """
    gates: list[Gate] = []
    targets = gate.targets
    phases: RealArray = np.array(gate.params)
    while targets:
        low, high = phases.reshape(-1, 2).T
        gates.append(Gate("mux_rz", targets, tuple((high - low).tolist())))
        phases = (low + high) / 2
        targets = targets[:-1]
    return [*gates, Gate("gphase", (), (float(phases[0]),))]


def _parity(selects: list[int], mask: int, target: int) -> list[Gate]:
    """CX onto the target from every select in the mask (first select most significant)."""
    wires = [q for i, q in enumerate(reversed(selects)) if mask >> i & 1]
    return [Gate("x", (target,), (), ((q, 1),)) for q in wires]
