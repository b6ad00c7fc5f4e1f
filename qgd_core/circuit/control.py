"""Controls: turning zeros into ones, joining many into one clean qubit, and sparing ops that need none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

from qgd_core.circuit.circuit import Call
from qgd_core.circuit.ops import Controls, Gate


def flips(controls: Controls) -> list[Gate]:
    """The X gates that turn every control on zero into a control on one, and back."""
    return [Gate("x", (qubit,)) for qubit, value in controls if not value]


def join(controls: Sequence[int], free: int, native: frozenset[str]) -> tuple[list[Gate], int]:
    """Compute the AND of some qubits into a clean one, up to a phase per input, which undoing removes.

    Arguments: controls, at least one qubit; free, first of len(controls) - 1 clean qubits; native gate names.
    Result: the gates, which a caller undoes in reverse, and the qubit that holds the AND.
    Raises: nothing.
    Source: relative-phase Toffoli ladder, 3 CX and 4 T per step; Maslov, arXiv 1508.03273.
    """
    gates: list[Gate] = []
    held = controls[0]
    for wanted in controls[1:]:
        gates += _join_two(held, wanted, free, native)
        held, free = free, free + 1
    return gates, held


def undo(gates: Sequence[Gate]) -> list[Gate]:
    """The inverse of a list of gates."""
    return [gate.adjoint() for gate in reversed(gates)]


def toffoli(first: int, second: int, target: int) -> list[Gate]:
    """X on the target where both controls are one: 6 CX and 7 T, exact; Nielsen and Chuang, Fig. 4.9."""
    near, far = ("cx", second, target), ("cx", first, target)
    return _gates(
        ("h", target), near, ("tdg", target), far, ("t", target), near, ("tdg", target), far,
        ("t", second), ("t", target), ("h", target), ("cx", first, second), ("t", first), ("tdg", second),
        ("cx", first, second),
    )  # fmt: skip


def _join_two(first: int, second: int, target: int, native: frozenset[str]) -> list[Gate]:
    """Write the AND into a clean target, up to a phase per input where no Toffoli is native."""
    if "ccx" in native:
        return [Gate("x", (target,), (), ((first, 1), (second, 1)))]
    near, far = ("cx", second, target), ("cx", first, target)
    return _gates(
        ("h", target), ("t", target), near, ("tdg", target), far, ("t", target), near, ("tdg", target),
        ("h", target),
    )  # fmt: skip


def _gates(*rows: tuple[str, int] | tuple[str, int, int]) -> list[Gate]:
    return [
        Gate(row[0], (row[1],)) if len(row) == 2 else Gate("x", (row[2],), (), ((row[1], 1),)) for row in rows
    ]


def inverse(op: Gate | Call) -> Gate | Call:
    """The op undone."""
    return op.adjoint() if isinstance(op, Gate) else op.inverse()


def spared(ops: Sequence[Gate | Call]) -> set[int]:
    """Which ops of a block may stay uncontrolled when the block is controlled.

    Ops that cancel in pairs when all others are left out: where the control is off only they run, and undo one
    another. Two pairs may cross only on different qubits. Calls are paired first, and no gate breaks their pairs.
    Arguments: ops, the unitary ops of a block in order.
    Result: indices into `ops`; the block with controls on the other ops is exactly the controlled block.
    Raises: nothing.
    Source: V M V^dagger needs a control on M alone; Barenco et al., arXiv quant-ph/9503016.
    """
    calls = _pair({i: op for i, op in enumerate(ops) if isinstance(op, Call)}, {})
    word = {i: op for i, op in enumerate(ops) if isinstance(op, Gate) or i in calls or i in calls.values()}
    return {i for pair in _pair(word, calls).items() for i in pair}


def _pair(word: dict[int, Gate | Call], fixed: dict[int, int]) -> dict[int, int]:
    """Pairs opening -> closing of inverse ops that cancel, those of `fixed` among them."""
    pairs: dict[int, int] = {}
    opening = {closing: start for start, closing in fixed.items()}
    lines: dict[int, list[int]] = defaultdict(list)  # qubit -> what is open on it
    places: dict[Gate | Call, list[int]] = defaultdict(list)
    dropped: set[int] = set()
    for i, op in word.items():
        qubits = op.qubits if isinstance(op, Gate) else (*(q for q, _ in op.controls), *op.qubits)
        start = opening.get(i)
        if start is None and i not in fixed:
            start = _latest(places[inverse(op)], dropped)
            if start is not None and any(_above(lines[q], start, fixed) for q in qubits):
                start = None
        if start is None:
            places[op].append(i)
            for q in qubits:
                lines[q].append(i)
            continue
        for q in qubits:
            while (last := lines[q].pop()) != start:
                dropped.add(last)
        dropped.add(start)
        pairs[start] = i
    return pairs


def _above(line: list[int], start: int, fixed: dict[int, int]) -> bool:
    """True when an opening of `fixed` lies above `start` on this qubit."""
    return any(j in fixed for j in takewhile(lambda j: j != start, reversed(line)))


def _latest(places: list[int], dropped: set[int]) -> int | None:
    while places and places[-1] in dropped:
        places.pop()
    return places[-1] if places else None
