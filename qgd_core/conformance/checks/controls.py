"""Controls: on one, on zero, many, at every position."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.conformance.agreement import agrees
from qgd_core.conformance.cases import spread
from qgd_core.conformance.subject import Subject

CONTROLLED = ("x", "y", "z", "h", "s", "t", "rx", "ry", "rz", "phase", "gphase", "swap")


def _params(name: str) -> list[float]:
    return [0.7] if name in ("rx", "ry", "rz", "phase", "gphase") else []


def _targets(name: str, free: list[int]) -> list[int]:
    return free[: {"gphase": 0, "swap": 2}.get(name, 1)]


@agrees("gates")
def control_on_one(subject: Subject) -> Iterator[Circuit]:
    """A gate under a control on one acts where the control reads 1."""
    yield from _each_gate((1,))


@agrees("gates")
def control_on_zero(subject: Subject) -> Iterator[Circuit]:
    """A gate under a control on zero acts where the control reads 0."""
    yield from _each_gate((0,))


@agrees("gates")
def mixed_controls(subject: Subject) -> Iterator[Circuit]:
    """Two controls with any values act where both hold."""
    for values in itertools.product((0, 1), repeat=2):
        yield from _each_gate(values)


@agrees("gates")
def three_and_more_controls(subject: Subject) -> Iterator[Circuit]:
    """Three and four controls all count, whatever their values and order."""
    for values in ((1, 1, 1), (1, 1, 1, 1), (0, 1, 0), (1, 0, 0, 1)):
        yield from _each_gate(values, ("x", "z", "ry", "phase"))


@agrees("gates")
def positions_at_4(subject: Subject) -> Iterator[Circuit]:
    """All pairs of control and target are right at 4 qubits."""
    yield from _positions(4)


@agrees("gates")
def positions_at_6(subject: Subject) -> Iterator[Circuit]:
    """All pairs of control and target are right at 6 qubits."""
    yield from _positions(6)


@agrees("gates")
def positions_at_11(subject: Subject) -> Iterator[Circuit]:
    """All pairs of control and target are right at 11 qubits, where simulators change their method."""
    yield from _positions(11, ("x", "ry", "phase"))


def _each_gate(values: tuple[int, ...], names: tuple[str, ...] = CONTROLLED) -> Iterator[Circuit]:
    n_qubits = len(values) + 2
    for name in names:
        for shift in range(2):
            order = (
                [(q * 2 + shift) % n_qubits for q in range(n_qubits)]
                if n_qubits % 2
                else list(range(n_qubits))
            )
            order = order[shift:] + order[:shift]
            free = order[len(values) :]
            builder = CircuitBuilder(f"{name} under {values} at {order}", n_qubits)
            spread(builder)
            controls = tuple(zip(order, values, strict=False))
            builder.gate(name, _targets(name, free), _params(name), controls)
            yield builder.build()


def _positions(n_qubits: int, names: tuple[str, ...] = ("x", "ry", "rz", "phase", "z")) -> Iterator[Circuit]:
    """One circuit per gate, with every ordered pair; angles differ from pair to pair, so none cancel."""
    pairs = list(itertools.permutations(range(n_qubits), 2))
    for name in names:
        builder = CircuitBuilder(f"{name} on every pair of {n_qubits}", n_qubits)
        spread(builder)
        for value in (1, 0) if n_qubits < 10 else (1,):
            for i, (control, target) in enumerate(pairs):
                angles = [0.2 + 0.01 * i] if _params(name) else []
                builder.gate(name, [target], angles, ((control, value),))
                builder.gate("ry", [target], [0.1 + 0.003 * i])
        yield builder.build()
