"""Lowering: the same tree in native gates alone, each distinct block lowered once."""

from __future__ import annotations

from dataclasses import replace

from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.control import flips, inverse, join, spared, undo
from qgd_core.circuit.decompose import decompose
from qgd_core.circuit.ops import GATES, Controls, Gate
from qgd_core.errors import ConfigError

CLIFFORD_ROTATION_BASIS = frozenset(
    {"x", "y", "z", "h", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "phase", "gphase", "cx"}
)


def lower(circuit: Circuit, native: frozenset[str] = CLIFFORD_ROTATION_BASIS) -> Circuit:
    """Rewrite the tree in native gates: no controls but those of native names, no adjoint or controlled calls.

    Multi-controlled gates and calls use clean |0> qubits appended after the circuit's own, shared between ops
    and returned clean: k controls cost 6k - 6 CX and 8k - 9 T for an X (k > 2), two CX more for a rotation.
    Arguments: circuit; native, gate names with a leading "c" per control on one ("cx", "ccx").
    Result: a circuit on at least as many qubits, exact up to rounding, global phase included; repeats stay
    repeats. A circuit that is native already comes back as it is.
    Raises: ConfigError for an unknown native name, or a gate the native ones cannot express.
    Source: Barenco et al., arXiv quant-ph/9503016; Maslov, arXiv 1508.03273.
    """
    for name in native:
        if name.lstrip("c") not in GATES:
            raise ConfigError(
                f"Unknown native gate {name!r}.", subject=name, remedy=f"Use {', '.join(GATES)}."
            )
    return _Lowering(native).block(circuit, adjoint=False, controlled=False)


class _Lowering:
    """One pass over a tree; `done` holds each block lowered so far, per direction and control."""

    def __init__(self, native: frozenset[str]) -> None:
        self.native = native
        self.done: dict[tuple[Circuit, bool, bool], Circuit] = {}

    def block(self, circuit: Circuit, *, adjoint: bool, controlled: bool) -> Circuit:
        """The block in native gates: its control first if it has one, its own qubits, then its workspace."""
        known = (circuit, adjoint, controlled)
        if known not in self.done:
            self.done[known] = self._build(circuit, adjoint, controlled)
        return self.done[known]

    def _build(self, circuit: Circuit, adjoint: bool, controlled: bool) -> Circuit:
        plain = not (adjoint or controlled)
        if plain and self._stays(circuit):
            return circuit
        ops = [_unwrap(op) if isinstance(op, Call) else op for op in circuit.ops]
        if adjoint or controlled:
            ops = _turned([op for op in ops if isinstance(op, Gate | Call)], adjoint, controlled)
        free = circuit.n_qubits + controlled
        known = {id(op): self._op(op, free) for op in {id(op): op for op in ops}.values()}
        lowered = [new for op in ops for new in known[id(op)]]
        if plain and lowered == list(circuit.ops):
            return circuit
        width = max([free, *(q + 1 for op in lowered for q in op.qubits)])
        name = f"{'c_' * controlled}{circuit.name}{'_dg' * adjoint}"
        return Circuit(name, width, tuple(lowered), circuit.n_bits)

    def _stays(self, circuit: Circuit) -> bool:
        """True for a block whose ops are all native as they stand; calls may still be, once lowered."""
        if Call in circuit.kinds:
            return False
        return all(
            "c" * len(controls) + name in self.native and all(value for _, value in controls)
            for name, controls in circuit.forms
        )

    def _op(self, op: Op, free: int) -> list[Op]:
        """One op in native gates, with clean qubits from `free` up."""
        if isinstance(op, Gate):
            return list(decompose(op, self.native, free))
        if isinstance(op, Call):
            return self._call(op, free) if op.repeat else []
        return [op]

    def _call(self, call: Call, free: int) -> list[Op]:
        block = self.block(call.circuit, adjoint=call.adjoint, controlled=bool(call.controls))
        around: list[Gate] = []
        qubits = call.qubits
        if call.controls:
            joined, held = join([q for q, _ in call.controls], free, self.native)
            around = [*flips(call.controls), *joined]
            qubits = (held, *qubits)
            free += len(call.controls) - 1
        spare = block.n_qubits - len(qubits)
        use = Call(block, (*qubits, *range(free, free + spare)), repeat=call.repeat)
        before = [new for gate in around for new in decompose(gate, self.native, free)]
        after = [new for gate in undo(around) for new in decompose(gate, self.native, free)]
        return [*before, use, *after]


def _turned(ops: list[Gate | Call], adjoint: bool, controlled: bool) -> list[Op]:
    """The ops inverted, and put one qubit further under a control on qubit 0, where asked."""
    if adjoint:
        ops = [inverse(op) for op in reversed(ops)]
    if not controlled:
        return list(ops)
    free = spared(ops)
    return [_controlled(op, () if i in free else ((0, 1),)) for i, op in enumerate(ops)]


def _controlled(op: Gate | Call, extra: Controls) -> Op:
    controls = (*extra, *((q + 1, value) for q, value in op.controls))
    if isinstance(op, Gate):
        return replace(op, targets=tuple(q + 1 for q in op.targets), controls=controls)
    return replace(op, qubits=tuple(q + 1 for q in op.qubits), controls=controls)


def _unwrap(call: Call) -> Call:
    """The same call, made past every block that holds nothing but one other call."""
    while len(call.circuit.ops) == 1 and isinstance(inner := call.circuit.ops[0], Call):
        call = Call(
            inner.circuit,
            tuple(call.qubits[q] for q in inner.qubits),
            (*call.controls, *((call.qubits[q], value) for q, value in inner.controls)),
            call.adjoint != inner.adjoint,
            call.repeat * inner.repeat,
        )
    return call
