"""One table of decompositions: each gate, with or without controls, in terms of simpler ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from qgd_core.circuit.control import flips, join, toffoli, undo
from qgd_core.circuit.multiplex import FOLDS, fold, split, unfold
from qgd_core.circuit.ops import Gate
from qgd_core.errors import ConfigError

_ZERO = 1e-15
_PI = math.pi


def decompose(gate: Gate, native: frozenset[str], free: int, chain: tuple[str, ...] = ()) -> Iterator[Gate]:
    """Write a gate in native gates, using clean qubits from `free` up and returning them clean.

    Arguments: gate; native, names with a leading "c" per control on one; free, the first workspace qubit;
    chain, the gates being decomposed, kept to notice a circle.
    Result: native gates in order; their product is the gate up to rounding, global phase included.
    Raises: ConfigError when the native gates cannot express the gate.
    Source: the tables below; Barenco et al., arXiv quant-ph/9503016, and Maslov, arXiv 1508.03273.
    """
    positive = all(value for _, value in gate.controls)
    if positive and gate.key in native:
        yield gate
        return
    link = gate.key if positive else f"{gate.key} on zero"
    if link in chain:
        raise ConfigError(
            f"Gate {gate.key!r} cannot be built from the native gates {', '.join(sorted(native))}.",
            subject=gate,
            remedy=f"Declare {gate.key!r}, or all of h, rz, gphase and cx.",
        )
    for step in _step(gate, native, free):  # a row that takes workspace leaves one control or a Toffoli
        yield from decompose(step, native, free, (*chain, link))


def _step(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    if gate.params and max(map(abs, gate.params)) <= _ZERO:
        return []
    if not gate.controls:
        return _PLAIN[gate.name](gate)
    if gate.name in FOLDS and len(gate.controls) == 1 and not _is_z(gate):
        return [fold(gate)]
    zeros = flips(gate.controls)
    if zeros:
        return [
            *zeros,
            Gate(gate.name, gate.targets, gate.params, tuple((q, 1) for q, _ in gate.controls)),
            *zeros,
        ]
    if gate.name in _CONJUGATED:
        before, core = _CONJUGATED[gate.name]
        frame = [Gate(name, gate.targets) for name in before]
        return [*frame, Gate(core, gate.targets, gate.params, gate.controls), *undo(frame)]
    return _CONTROLLED[gate.name](gate, native, free)


def _is_z(gate: Gate) -> bool:
    return gate.name == "phase" and abs(math.remainder(gate.params[0] - _PI, 2 * _PI)) <= _ZERO


def _rows(*rows: tuple[str, Callable[[float], float] | float | None]) -> Callable[[Gate], list[Gate]]:
    """Gates on the same target: each a name and its angle, fixed or a function of the gate's own."""

    def build(gate: Gate) -> list[Gate]:
        gates = []
        for name, angle in rows:
            params = () if angle is None else (angle(gate.params[0]) if callable(angle) else angle,)
            gates.append(Gate(name, () if name == "gphase" else gate.targets, params))
        return gates

    return build


def _same(angle: float) -> float:
    return angle


def _swap(gate: Gate) -> list[Gate]:
    a, b = gate.targets
    outer = Gate("x", (a,), (), ((b, 1),))
    return [outer, Gate("x", (b,), (), (*gate.controls, (a, 1))), outer]


# A gate without controls, in terms of others; where two rows need each other one of them has to be native.
_PLAIN: dict[str, Callable[[Gate], list[Gate]]] = {
    "x": _rows(("h", None), ("z", None), ("h", None)),
    "y": _rows(("sdg", None), ("x", None), ("s", None)),
    "z": _rows(("phase", _PI)),
    "h": _rows(("rz", _PI), ("ry", _PI / 2), ("gphase", _PI / 2)),
    "s": _rows(("phase", _PI / 2)),
    "sdg": _rows(("phase", -_PI / 2)),
    "t": _rows(("phase", _PI / 4)),
    "tdg": _rows(("phase", -_PI / 4)),
    "rx": _rows(("h", None), ("rz", _same), ("h", None)),
    "ry": _rows(("sdg", None), ("rx", _same), ("s", None)),
    "rz": _rows(("gphase", lambda p: -p / 2), ("phase", _same)),
    "phase": _rows(("gphase", lambda p: p / 2), ("rz", _same)),
    "gphase": lambda gate: [gate],
    "swap": _swap,
    "mux_ry": unfold,
    "mux_rz": unfold,
    "diagonal": split,
}

# A controlled gate as a controlled core between uncontrolled gates and their inverses.
_CONJUGATED: dict[str, tuple[tuple[str, ...], str]] = {
    "z": (("h",), "x"),
    "y": (("sdg",), "x"),
    "h": (("s", "h", "t"), "x"),
    "rx": (("h",), "rz"),
}


def _on_joined(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    joined, held = join([q for q, _ in gate.controls], free, native)
    return [*joined, Gate(gate.name, gate.targets, gate.params, ((held, 1),)), *undo(joined)]


def _controlled_x(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    (target,) = gate.targets
    *others, last = (q for q, _ in gate.controls)
    if not others:
        turn = Gate("h", (target,))
        return [turn, Gate("z", (target,), (), gate.controls), turn]
    joined, held = join(others, free, native)
    ccx = Gate("x", (target,), (), ((held, 1), (last, 1)))
    core = [ccx] if ccx.key in native else toffoli(held, last, target)
    return [*joined, *core, *undo(joined)]


def _controlled_phase(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    if _is_z(gate):
        return [Gate("z", gate.targets, (), gate.controls)]
    joined, held = join([*(q for q, _ in gate.controls), *gate.targets], free, native)
    return [*joined, Gate("phase", (held,), gate.params), *undo(joined)]


def _as_phase(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    (row,) = _PLAIN[gate.name](gate)
    return [Gate(row.name, row.targets, row.params, gate.controls)]


def _kicked_back(gate: Gate, native: frozenset[str], free: int) -> list[Gate]:
    *others, (last, _) = gate.controls
    return [Gate("phase", (last,), gate.params, tuple(others))]


# A controlled gate, every control on one; those of FOLDS arrive here with two controls or more.
_CONTROLLED: dict[str, Callable[[Gate, frozenset[str], int], list[Gate]]] = {
    "x": _controlled_x,
    "phase": _controlled_phase,
    "gphase": _kicked_back,
    "swap": lambda gate, native, free: _swap(gate),
    **dict.fromkeys(("s", "sdg", "t", "tdg"), _as_phase),
    **dict.fromkeys(("ry", "rz", "mux_ry", "mux_rz", "diagonal"), _on_joined),
}
