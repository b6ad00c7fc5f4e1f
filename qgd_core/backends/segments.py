"""Post-selection on a simulator: the circuit in segments, each started from the projected vector before it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Capabilities, Executable, Outcomes, draw_seeds
from qgd_core.backends.bits import as_word, inline, measure_all, measured_qubits, uses_mid_circuit
from qgd_core.circuit.circuit import Circuit, Op
from qgd_core.circuit.counts import Counts, count
from qgd_core.circuit.ops import Gate, Measure, PostSelect
from qgd_core.circuit.program import Program
from qgd_core.errors import UnsupportedOperation

T = TypeVar("T")
_NOT_GATES = ("measure", "reset", "postselect")


@dataclass(frozen=True)
class Segment(Generic[T]):
    """A unitary stretch, as a circuit or translated to an SDK, and the post-selection that ends it.

    Only the last segment of a circuit has none.
    """

    body: T
    postselect: PostSelect | None


def split(circuit: Circuit) -> list[Segment[Circuit]]:
    """Cut a circuit at every PostSelect.

    Arguments: circuit whose measurements all stand last on their qubits.
    Result: the segments, unitary blocks kept whole, measurements left out (measured_qubits tells them).
    Raises: UnsupportedOperation when a qubit is reset, or used again after it was measured.
    Source: none.
    """
    require_vector(circuit)
    if circuit.is_unitary:
        return [Segment(replace(circuit, n_bits=0) if circuit.n_bits else circuit, None)]
    segments: list[Segment[Circuit]] = []
    ops: list[Op] = []
    for op in inline(circuit):
        if isinstance(op, PostSelect):
            segments.append(Segment(Circuit(circuit.name, circuit.n_qubits, tuple(ops)), op))
            ops = []
        elif not isinstance(op, Measure):
            ops.append(op)
    return [*segments, Segment(Circuit(circuit.name, circuit.n_qubits, tuple(ops)), None)]


def require_vector(circuit: Circuit) -> None:
    """Raise UnsupportedOperation where a qubit is reset, or used again after it was measured."""
    if uses_mid_circuit(circuit):
        raise UnsupportedOperation(
            f"Circuit {circuit.name!r} resets or uses a measured qubit: it has no single final vector.",
            subject=circuit,
            remedy="Sample it with run.",
        )


class SegmentedExecutable(Executable, Generic[T]):
    """Runs a lowered circuit on a simulator; an SDK adds _evolve and _gates, perhaps _sample and _measure.

    Sampling goes segment by segment: the SDK draws the survivors of each post-selection from the shots that are
    left, and goes on from the projected vector: the distribution of measuring and aborting, at one simulation
    per segment. Sampled as a `whole`, as circuits that measure midway always are, post-selected qubits are
    measured into spare bits, and shots that read otherwise are rejected.
    Arguments: program; capabilities; lowered, as fit made it; translate, from a tree without post-selection to
    what the SDK runs; whole.
    """

    def __init__(
        self,
        program: Program,
        capabilities: Capabilities,
        lowered: Circuit,
        translate: Callable[[Circuit], T],
        *,
        whole: bool = False,
    ) -> None:
        super().__init__(program, capabilities)
        self._lowered = lowered
        self.whole = whole or uses_mid_circuit(lowered)
        self._translate = translate
        self._bits = measured_qubits(lowered)
        self.bodies = [self.measured[0]] if self.whole else [segment.body for segment in self.segments]

    @property
    def lowered(self) -> Circuit:
        """The circuit that runs, in native gates."""
        return self._lowered

    @cached_property
    def measured(self) -> tuple[T, tuple[int, ...]]:
        """The translated whole, and what its spare bits read in an accepted shot."""
        circuit, wanted = measure_all(self.lowered)
        return self._translate(circuit), wanted

    @cached_property
    def segments(self) -> list[Segment[T]]:
        """The translated segments; raises as split."""
        return [Segment(self._translate(s.body), s.postselect) for s in split(self.lowered)]

    @abstractmethod
    def _evolve(self, body: T, state: ComplexArray | None) -> ComplexArray:
        """The body applied to a unit vector over the lowered circuit's qubits, |0...0> for None."""

    def _sample(
        self, body: T, state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        """Counts of `qubits` after the body, the first most significant, and the vector before measuring.

        Drawn here from the SDK's vector, at a cost that does not grow with the shots; an SDK with a sampler of
        its own replaces this for as many shots as that can bear.
        """
        vector = self._evolve(body, state)
        return draw(vector, qubits, shots, seed), vector

    @abstractmethod
    def _gates(self, body: T) -> Iterable[Gate]:
        """The gates of a translated body, read back from the SDK's own circuit, global phases left out."""

    @cached_property
    def _counts(self) -> Counts:
        gates = [gate for body in self.bodies for gate in self._gates(body)]
        return count_gates(gates) + count_rest(self.lowered)

    def _measure(self, body: T, shots: int, seed: int) -> dict[int, int]:
        """Counts over the bits of a circuit that measures; needed only where a whole is sampled."""
        raise UnsupportedOperation("This backend samples no circuit as a whole.", subject=body)

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        if self.whole:
            body, wanted = self.measured
            return accept(self._measure(body, shots, draw_seeds(seed, 1)[0]), wanted, shots)
        state, left = None, shots
        for segment, word in zip(self.segments, draw_seeds(seed, len(self.segments)), strict=True):
            end = segment.postselect
            qubits = end.qubits if end else tuple(dict.fromkeys(self._bits.values()))
            counts, state = self._sample(segment.body, state, qubits, left, word)
            if end is None:
                return Outcomes({self._spread(key): count for key, count in counts.items()}, shots)
            left = counts.get(as_word(end.values), 0)
            state = project(state, end)
            if not left:
                break
            state /= np.linalg.norm(state)
        return Outcomes({}, shots)

    def _statevector(self) -> ComplexArray:
        require_vector(self.program.circuit)
        state, norm = None, 1.0
        for segment in self.segments:
            state = self._evolve(segment.body, state)
            if segment.postselect:
                state = project(state, segment.postselect)
                kept = float(np.linalg.norm(state))
                norm *= kept
                if not kept:
                    break
                state /= kept
        assert state is not None
        return norm * strip(state, self.program.circuit.n_qubits)

    def _spread(self, key: int) -> int:
        """From the word over the measured qubits to the word over all bits."""
        qubits = list(dict.fromkeys(self._bits.values()))
        values = dict(zip(qubits, f"{key:0{len(qubits)}b}" if qubits else "", strict=True))
        return sum(int(values[qubit]) << (self.lowered.n_bits - 1 - bit) for bit, qubit in self._bits.items())


def accept(counts: dict[int, int], wanted: tuple[int, ...], shots: int) -> Outcomes:
    """Keep the shots whose spare bits read `wanted`, and drop those bits from the keys."""
    spare, word = len(wanted), as_word(wanted)
    kept = {key >> spare: n for key, n in counts.items() if key & ((1 << spare) - 1) == word and n}
    return Outcomes(kept, shots)


def draw(vector: ComplexArray, qubits: tuple[int, ...], shots: int, seed: int) -> dict[int, int]:
    """Sample some qubits of a vector.

    Arguments: vector, shape (2**n,), of any norm but 0; qubits, the first most significant in a key; shots; seed.
    Result: how many shots read each word; exact sampling, one draw for all shots.
    Raises: nothing.
    Source: none.
    """
    odds = np.abs(vector.reshape((2,) * (vector.size.bit_length() - 1))) ** 2
    odds = np.moveaxis(odds, qubits, range(len(qubits))).reshape(2 ** len(qubits), -1).sum(axis=1)
    drawn = np.random.default_rng(seed).multinomial(shots, odds / odds.sum())
    return {int(key): int(drawn[key]) for key in np.flatnonzero(drawn)}


def project(state: ComplexArray, postselect: PostSelect) -> ComplexArray:
    """The vector with every entry set to zero whose qubits do not hold the wanted values."""
    result = np.zeros_like(state)
    n_qubits = state.size.bit_length() - 1
    kept: list[slice | int] = [slice(None)] * n_qubits
    for qubit, value in zip(postselect.qubits, postselect.values, strict=True):
        kept[qubit] = value
    where = tuple(kept)
    result.reshape((2,) * n_qubits)[where] = state.reshape((2,) * n_qubits)[where]
    return result


def strip(state: ComplexArray, n_qubits: int) -> ComplexArray:
    """The vector over the first n_qubits, all others (workspace, a success counter) ending in |0>."""
    return np.ascontiguousarray(state.reshape(2**n_qubits, -1)[:, 0])


def count_gates(gates: Iterable[Gate]) -> Counts:
    """The counts of a flat list of gates."""
    return count(Circuit("gates", 0, tuple(gates)))


def count_rest(circuit: Circuit) -> Counts:
    """The counts of what is not a gate: qubits measured, reset and post-selected."""
    return Counts({key: number for key, number in count(circuit).items() if key in _NOT_GATES})
