"""The circuit tree: named immutable blocks that call one another, and the builder that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import index
from typing import SupportsIndex, TypeAlias

from qgd_core.circuit.ops import Controls, Gate, Measure, PostSelect, Reset, check_gate
from qgd_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Call:
    """One use of a block: which of the caller's qubits it acts on, controlled, adjoint, repeated."""

    circuit: Circuit
    qubits: tuple[int, ...]
    controls: Controls = ()
    adjoint: bool = False
    repeat: int = 1

    def inverse(self) -> Call:
        """The same use of the block, undone."""
        return replace(self, adjoint=not self.adjoint)


Op: TypeAlias = Gate | Call | Measure | Reset | PostSelect


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """A named block: `ops` in order on qubits 0 .. n_qubits-1 (qubit 0 most significant) and `n_bits` bits.

    Blocks compare by identity, so a block used a million times is lowered, counted and stored once.
    """

    name: str
    n_qubits: int
    ops: tuple[Op, ...]
    n_bits: int = 0

    def __repr__(self) -> str:
        """One line, however large the tree below."""
        return f"Circuit({self.name!r}, n_qubits={self.n_qubits}, n_bits={self.n_bits}, {len(self.ops)} ops)"

    @cached_property
    def distinct(self) -> dict[int, Op]:
        """Each op object once, by its id: what is worked out per op is worked out for these alone."""
        return dict(zip(map(id, self.ops), self.ops, strict=True))

    @cached_property
    def kinds(self) -> frozenset[type[Op]]:
        """The classes of the ops at the top of the tree."""
        return frozenset(map(type, self.ops))

    @cached_property
    def forms(self) -> frozenset[tuple[str, Controls]]:
        """Name and controls of the gates at the top of the tree: few, however many gates there are."""
        return frozenset((op.name, op.controls) for op in self.ops if isinstance(op, Gate))

    @cached_property
    def is_unitary(self) -> bool:
        """True when no op, at any depth, measures, resets or post-selects."""
        if not self.kinds <= {Gate, Call}:
            return False
        return Call not in self.kinds or all(
            op.circuit.is_unitary for op in self.distinct.values() if isinstance(op, Call)
        )

    def adjoint(self) -> Circuit:
        """The inverse block, as one adjoint call of this one."""
        return self._wrap(f"{self.name}_dg", adjoint=True)

    def repeat(self, times: int) -> Circuit:
        """This block `times` times over, as one repeated call."""
        return self._wrap(f"{self.name}_x{times}", repeat=times)

    def controlled(self, values: Sequence[int] = (1,)) -> Circuit:
        """This block under new control qubits, placed first, each with the value it must hold."""
        builder = CircuitBuilder(f"c_{self.name}", self.n_qubits + len(values), self.n_bits)
        m = len(values)
        builder.call(self, range(m, m + self.n_qubits), controls=tuple(enumerate(values)))
        return builder.build()

    def _wrap(self, name: str, *, adjoint: bool = False, repeat: int = 1) -> Circuit:
        builder = CircuitBuilder(name, self.n_qubits, self.n_bits)
        builder.call(self, range(self.n_qubits), adjoint=adjoint, repeat=repeat)
        return builder.build()


class CircuitBuilder:
    """Collects ops, checks each as it comes, and builds the immutable Circuit; equal gates are one object."""

    def __init__(self, name: str, n_qubits: int, n_bits: int = 0) -> None:
        self.name = name
        self.n_qubits, self.n_bits = _integers((n_qubits, n_bits))
        if min(self.n_qubits, self.n_bits) < 0:
            raise ConfigError(f"Block {name!r} has {n_qubits} qubits and {n_bits} bits.", subject=name)
        self._ops: list[Op] = []
        self._gates: dict[Gate, Gate] = {}
        self._forms: set[tuple[str, Controls]] = set()

    def gate(
        self, name: str, targets: Iterable[int], params: Iterable[float] = (), controls: Controls = ()
    ) -> None:
        """Append the gate `name` of the GATES table."""
        gate = Gate(name, _integers(targets), _angles(params), _pairs(controls))
        if gate not in self._gates:
            check_gate(gate)
            self._check_qubits(gate.qubits, name)
            self._gates[gate] = gate
            self._forms.add((gate.name, gate.controls))
        self._ops.append(self._gates[gate])

    def call(
        self,
        circuit: Circuit,
        qubits: Iterable[int],
        *,
        controls: Controls = (),
        adjoint: bool = False,
        repeat: int = 1,
    ) -> None:
        """Append a use of `circuit` on `qubits`."""
        qubits, controls = _integers(qubits), _pairs(controls)
        if len(qubits) != circuit.n_qubits:
            raise ConfigError(
                f"Block {circuit.name!r} acts on {circuit.n_qubits} qubits, got {len(qubits)}.",
                subject=circuit,
            )
        (repeat,) = _integers([repeat])
        if repeat < 0:
            raise ConfigError(f"Block {circuit.name!r} cannot be repeated {repeat} times.", value=repeat)
        if (adjoint or controls) and not circuit.is_unitary:
            raise ConfigError(
                f"Block {circuit.name!r} measures: it has no adjoint or controlled form.", subject=circuit
            )
        if any(value not in (0, 1) for _, value in controls):
            raise ConfigError(
                f"Call of {circuit.name!r} has a control value other than 0 or 1.", subject=circuit
            )
        self._check_qubits((*(q for q, _ in controls), *qubits), circuit.name)
        if circuit.n_bits > self.n_bits:
            raise ConfigError(
                f"Block {circuit.name!r} writes {circuit.n_bits} bits, only {self.n_bits} exist.",
                subject=circuit,
            )
        self._ops.append(Call(circuit, qubits, controls, bool(adjoint), repeat))

    def measure(self, qubits: Iterable[int], bits: Iterable[int]) -> None:
        """Append a measurement of `qubits` into `bits`."""
        op = Measure(_integers(qubits), _integers(bits))
        self._check_qubits(op.qubits, "measure")
        if len(op.bits) != len(op.qubits) or any(not 0 <= b < self.n_bits for b in op.bits):
            raise ConfigError(f"measure needs one bit below {self.n_bits} per qubit, got {op.bits}.")
        self._ops.append(op)

    def reset(self, qubits: Iterable[int]) -> None:
        """Append a reset of `qubits` to |0>."""
        op = Reset(_integers(qubits))
        self._check_qubits(op.qubits, "reset")
        self._ops.append(op)

    def postselect(self, qubits: Iterable[int], values: Iterable[int] | None = None) -> None:
        """Append a post-selection of `qubits` on `values` (all zero by default)."""
        wires = _integers(qubits)
        op = PostSelect(wires, _integers(values) if values is not None else (0,) * len(wires))
        self._check_qubits(op.qubits, "postselect")
        if len(op.values) != len(op.qubits) or any(v not in (0, 1) for v in op.values):
            raise ConfigError(f"postselect needs one value 0 or 1 per qubit, got {op.values}.")
        self._ops.append(op)

    def build(self) -> Circuit:
        """The immutable block."""
        circuit = Circuit(self.name, self.n_qubits, tuple(self._ops), self.n_bits)
        vars(circuit)["forms"] = frozenset(
            self._forms
        )  # found along the way, so that no one has to look again
        return circuit

    def _check_qubits(self, qubits: Sequence[int], what: str) -> None:
        if len(set(qubits)) != len(qubits) or any(not 0 <= q < self.n_qubits for q in qubits):
            raise ConfigError(
                f"{what!r} acts on qubits {tuple(qubits)}, which must be distinct and below {self.n_qubits}.",
                subject=qubits,
            )


def _integers(values: Iterable[SupportsIndex]) -> tuple[int, ...]:
    try:
        return tuple(index(value) for value in values)
    except TypeError as error:
        raise ConfigError(f"Qubits, bits and values are whole numbers, got {values!r}.") from error


def _pairs(controls: Iterable[tuple[int, int]]) -> Controls:
    try:
        return tuple((index(qubit), index(value)) for qubit, value in controls)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Controls are (qubit, value) pairs, got {controls!r}.") from error


def _angles(values: Iterable[float]) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Angles are real numbers, got {values!r}.") from error


def unroll(circuit: Circuit) -> Iterator[Gate | Measure | Reset | PostSelect]:
    """Every primitive of the tree in the order it runs, on the qubits of `circuit`, calls resolved.

    Arguments: circuit, any size, though the walk takes as many steps as there are primitives.
    Result: an iterator, exact; a controlled call adds its controls to each of its gates.
    Raises: nothing.
    Source: none.
    """
    return _unroll(circuit, tuple(range(circuit.n_qubits)), (), False)


def _unroll(
    circuit: Circuit, qubits: tuple[int, ...], controls: Controls, adjoint: bool
) -> Iterator[Gate | Measure | Reset | PostSelect]:
    for op in reversed(circuit.ops) if adjoint else circuit.ops:
        own = tuple(qubits[q] for q in (op.targets if isinstance(op, Gate) else op.qubits))
        if isinstance(op, Gate | Call):
            total = controls + tuple((qubits[q], value) for q, value in op.controls)
        if isinstance(op, Gate):
            turned = op.adjoint() if adjoint else op
            yield Gate(turned.name, own, turned.params, total)
        elif isinstance(op, Call):
            for _ in range(op.repeat):
                yield from _unroll(op.circuit, own, total, adjoint != op.adjoint)
        else:
            yield replace(op, qubits=own)
