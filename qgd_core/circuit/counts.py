"""Exact gate counts of a tree without unrolling it: each block is counted once, however often it is used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS, lower
from qgd_core.circuit.ops import GATES, MULTIPLEXED, Gate, Measure, PostSelect, Reset
from qgd_core.errors import ConfigError

_SPECIAL = 1e-12  # an angle this close to a multiple of pi/4 needs no synthesis


@dataclass(frozen=True)
class Counts(Mapping[str, int]):
    """How often each primitive runs, as exact integers of any size; counts add, and multiply by a number.

    Keys are gate names with a leading "c" per control, whatever its value, and the number of selects or targets
    where it varies ("cx", "ccx", "mux_ry[3]", "diagonal[2]"); "measure", "reset" and "postselect" count qubits.
    `rotations` is the number of angles, global phases aside, that are no multiple of pi/4, and `t_gates` the
    number of t, tdg and odd multiples of pi/4: both mean what they say on circuits in CLIFFORD_ROTATION_BASIS.
    """

    gates: Mapping[str, int] = field(default_factory=dict)
    rotations: int = 0
    t_gates: int = 0

    def __getitem__(self, key: str) -> int:
        return self.gates[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.gates)

    def __len__(self) -> int:
        return len(self.gates)

    def __add__(self, other: Counts) -> Counts:
        gates = {key: self.get(key, 0) + other.get(key, 0) for key in (*self, *other)}
        return Counts(gates, self.rotations + other.rotations, self.t_gates + other.t_gates)

    def __mul__(self, times: int) -> Counts:
        gates = {key: number * times for key, number in self.items() if times}
        return Counts(gates, self.rotations * times, self.t_gates * times)

    __rmul__ = __mul__

    @property
    def total(self) -> int:
        """All primitives, of every kind."""
        return sum(self.values())

    @property
    def two_qubit(self) -> int:
        """Gates that touch exactly two qubits."""
        return sum(number for key, number in self.items() if _width(key) == 2)

    @property
    def measurements(self) -> int:
        """Qubits measured, those post-selected among them."""
        return self.get("measure", 0) + self.get("postselect", 0)


def count(circuit: Circuit) -> Counts:
    """Count the primitives of a tree; a controlled call counts its gates with the extra controls.

    Arguments: circuit, any size.
    Result: exact counts; time grows with the number of distinct blocks, not with the number of gates.
    Raises: nothing.
    Source: none.
    """
    return _count(circuit, False, 0)


def cost(circuit: Circuit) -> Counts:
    """Count the circuit once lowered to CX, Clifford, T and rotations.

    Arguments: circuit, any size.
    Result: counts of lower(circuit, CLIFFORD_ROTATION_BASIS).
    Raises: as lower.
    Source: none.
    """
    return count(lower(circuit, CLIFFORD_ROTATION_BASIS))


def t_estimate(counts: Counts, eps: float) -> int:
    """Estimate the T gates of a circuit whose rotations are synthesised to `eps` altogether.

    Arguments: counts, in CLIFFORD_ROTATION_BASIS; eps, positive, total error in the operator norm.
    Result: its t_gates and rotation_t_count(rotations, eps) together.
    Raises: ConfigError unless eps is positive.
    Source: Ross and Selinger, arXiv 1403.2975, Section 1.
    """
    return counts.t_gates + rotation_t_count(counts.rotations, eps)


def rotation_t_count(rotations: int, eps: float) -> int:
    """Estimate the T gates of some arbitrary rotations, each synthesised to eps / rotations.

    Arguments: rotations, not negative; eps, positive, total error in the operator norm.
    Result: 3 log2(rotations / eps) each, rounded up: the leading term for typical angles.
    Raises: ConfigError unless eps is positive.
    Source: Ross and Selinger, arXiv 1403.2975, Section 1.
    """
    if not eps > 0:
        raise ConfigError(f"eps is {eps}, it must be positive.", value=eps)
    each = 3 * math.log2(max(1, rotations) / eps)
    return math.ceil(rotations * max(0.0, each))


_known: WeakKeyDictionary[Circuit, dict[tuple[bool, int], Counts]] = WeakKeyDictionary()


def _count(circuit: Circuit, adjoint: bool, n_controls: int) -> Counts:
    known = _known.setdefault(circuit, {})
    if (adjoint, n_controls) not in known:
        known[adjoint, n_controls] = _sum(circuit.ops, adjoint, n_controls)
    return known[adjoint, n_controls]


def _sum(ops: Iterable[Op], adjoint: bool, n_controls: int) -> Counts:
    gates: Counter[str] = Counter()
    rotations = t_gates = 0
    for op in ops:
        if isinstance(op, Gate):
            turned = op.adjoint() if adjoint else op
            gates["c" * n_controls + _key(turned)] += 1
            angles, eighths = _synthesis(turned)
            rotations += angles
            t_gates += eighths
        elif isinstance(op, Call):
            if op.repeat:
                inner = _count(op.circuit, adjoint != op.adjoint, n_controls + len(op.controls))
                for key, number in inner.items():
                    gates[key] += number * op.repeat
                rotations += inner.rotations * op.repeat
                t_gates += inner.t_gates * op.repeat
        else:
            gates[_OTHER[type(op)]] += len(op.qubits)
    return Counts(dict(gates), rotations, t_gates)


_OTHER: dict[type[Op], str] = {Measure: "measure", Reset: "reset", PostSelect: "postselect"}


def _key(gate: Gate) -> str:
    if GATES[gate.name].n_targets is not None:
        return gate.key
    return f"{gate.key}[{len(gate.targets) - (gate.name in MULTIPLEXED)}]"


def _width(key: str) -> int:
    """How many qubits the gate of a key touches, 0 for what is no gate."""
    name, _, size = key.lstrip("c").rstrip("]").partition("[")
    kind = GATES.get(name)
    if kind is None:
        return 0
    targets = int(size) + (name in MULTIPLEXED) if kind.n_targets is None else kind.n_targets
    return targets + len(key) - len(key.lstrip("c"))


def _synthesis(gate: Gate) -> tuple[int, int]:
    """How many of the angles need synthesis, and how many T gates the rest of the gate is."""
    if gate.name in ("t", "tdg"):
        return 0, 1
    if not gate.params or gate.name == "gphase":
        return 0, 0
    eighths = [angle / (math.pi / 4) for angle in gate.params]
    special = [round(e) for e in eighths if abs(e - round(e)) <= _SPECIAL * 4 / math.pi]
    return len(eighths) - len(special), sum(e % 2 for e in special)
