"""The primitives a circuit is made of: gates with (qubit, value) controls, and what is not unitary."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.errors import ConfigError

Controls: TypeAlias = tuple[tuple[int, int], ...]
Params: TypeAlias = tuple[float, ...]

_R = math.sqrt(0.5)


def _matrix(*rows: tuple[complex, ...]) -> ComplexArray:
    return np.array(rows, dtype=np.complex128)


def _rx(p: Params) -> ComplexArray:
    c, s = math.cos(p[0] / 2), math.sin(p[0] / 2)
    return _matrix((c, -1j * s), (-1j * s, c))


def _ry(p: Params) -> ComplexArray:
    c, s = math.cos(p[0] / 2), math.sin(p[0] / 2)
    return _matrix((c, -s), (s, c))


def _rz(p: Params) -> ComplexArray:
    return _matrix((cmath.exp(-0.5j * p[0]), 0), (0, cmath.exp(0.5j * p[0])))


def _fixed(*rows: tuple[complex, ...]) -> Callable[[Params], ComplexArray]:
    matrix = _matrix(*rows)
    matrix.setflags(write=False)
    return lambda _: matrix


@dataclass(frozen=True, slots=True)
class GateKind:
    """One row of the gate table: how many targets and angles, the inverse, and the dense matrix.

    `n_targets` is None for multiplexed and diagonal gates, whose size follows from the targets;
    `inverse` names the adjoint gate; None means the same gate with every angle negated.
    """

    n_targets: int | None
    n_params: int | None
    inverse: str | None
    matrix: Callable[[Params], ComplexArray] | None


GATES: dict[str, GateKind] = {
    "x": GateKind(1, 0, "x", _fixed((0, 1), (1, 0))),
    "y": GateKind(1, 0, "y", _fixed((0, -1j), (1j, 0))),
    "z": GateKind(1, 0, "z", _fixed((1, 0), (0, -1))),
    "h": GateKind(1, 0, "h", _fixed((_R, _R), (_R, -_R))),
    "s": GateKind(1, 0, "sdg", _fixed((1, 0), (0, 1j))),
    "sdg": GateKind(1, 0, "s", _fixed((1, 0), (0, -1j))),
    "t": GateKind(1, 0, "tdg", _fixed((1, 0), (0, cmath.exp(0.25j * math.pi)))),
    "tdg": GateKind(1, 0, "t", _fixed((1, 0), (0, cmath.exp(-0.25j * math.pi)))),
    "rx": GateKind(1, 1, None, _rx),
    "ry": GateKind(1, 1, None, _ry),
    "rz": GateKind(1, 1, None, _rz),
    "phase": GateKind(1, 1, None, lambda p: _matrix((1, 0), (0, cmath.exp(1j * p[0])))),
    "gphase": GateKind(0, 1, None, lambda p: _matrix((cmath.exp(1j * p[0]),))),
    "swap": GateKind(2, 0, "swap", _fixed((1, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 0, 0, 1))),
    # targets = (select_0, ..., select_{m-1}, target); params[i] is the angle when the selects read i.
    "mux_ry": GateKind(None, None, None, None),
    "mux_rz": GateKind(None, None, None, None),
    # params[i] is the phase of basis state i of the targets: exp(1j * params[i]).
    "diagonal": GateKind(None, None, None, None),
}
MULTIPLEXED: dict[str, str] = {"mux_ry": "ry", "mux_rz": "rz"}


@dataclass(frozen=True, slots=True)
class Gate:
    """A unitary primitive: `name` from GATES, its targets, angles in radians, and its controls.

    A control is a (qubit, value) pair; the gate acts where every control qubit holds its value.
    """

    name: str
    targets: tuple[int, ...]
    params: Params = ()
    controls: Controls = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        """Every qubit the gate touches, controls first."""
        return (*(q for q, _ in self.controls), *self.targets) if self.controls else self.targets

    @property
    def key(self) -> str:
        """The gate's name with a leading "c" per control, as native sets and counts spell it."""
        return "c" * len(self.controls) + self.name if self.controls else self.name

    def adjoint(self) -> Gate:
        """The inverse gate."""
        kind = GATES[self.name]
        if kind.inverse is None:
            return Gate(self.name, self.targets, tuple(-p for p in self.params), self.controls)
        return Gate(kind.inverse, self.targets, self.params, self.controls)

    def matrix(self) -> ComplexArray:
        """Dense matrix on the targets (big-endian), controls left out."""
        kind = GATES[self.name]
        if kind.matrix is not None:
            return kind.matrix(self.params)
        if self.name == "diagonal":
            return np.diag(np.exp(1j * np.array(self.params))).astype(np.complex128)
        block = GATES[MULTIPLEXED[self.name]].matrix
        assert block is not None
        size = len(self.params)
        full = np.zeros((2 * size, 2 * size), dtype=np.complex128)
        for i, angle in enumerate(self.params):
            full[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = block((angle,))
        return full


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure each qubit in the computational basis into the classical bit beside it."""

    qubits: tuple[int, ...]
    bits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reset:
    """Return each qubit to |0>, whatever it held."""

    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PostSelect:
    """Measure the qubits; the run goes on only if they read `values`, else the shot is rejected."""

    qubits: tuple[int, ...]
    values: tuple[int, ...]


def check_gate(gate: Gate) -> None:
    """Raise ConfigError unless the gate is in the table with the right numbers of targets and angles."""
    kind = GATES.get(gate.name)
    if kind is None:
        raise ConfigError(
            f"Unknown gate {gate.name!r}.", subject=gate, remedy=f"Use one of {', '.join(GATES)}."
        )
    if kind.n_targets is None:
        selects = len(gate.targets) - (gate.name in MULTIPLEXED)
        fits = selects >= 0 and len(gate.params) == 2**selects
    else:
        fits = len(gate.targets) == kind.n_targets and len(gate.params) == kind.n_params
    if not fits:
        raise ConfigError(
            f"Gate {gate.name!r} has {len(gate.targets)} targets and {len(gate.params)} angles, which do not fit.",
            subject=gate,
        )
    if not all(math.isfinite(p) for p in gate.params):
        raise ConfigError(f"Gate {gate.name!r} has a NaN or infinite angle.", subject=gate)
    if any(value not in (0, 1) for _, value in gate.controls):
        raise ConfigError(f"Gate {gate.name!r} has a control value other than 0 or 1.", subject=gate)
