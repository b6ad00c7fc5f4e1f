"""Executables of the mutants that a changed gate or result cannot express."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Outcomes
from qgd_core.backends.bits import inline, measure_all
from qgd_core.backends.fitting import fit
from qgd_core.backends.qasm import to_qasm
from qgd_core.circuit.circuit import Call, Circuit, Op, unroll
from qgd_core.circuit.counts import Counts
from qgd_core.circuit.lower import lower
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset
from qgd_core.circuit.simulate import sample
from qgd_core.conformance.mutants import MutantBackend, MutantExecutable

__all__ = ["MutantBackend", "fit"]


class PackedBits(MutantExecutable):
    """Reads the measured qubits as if they filled the bits from the last one."""

    def _spread(self, key: int) -> int:
        return key


class NoIdleQubits(MutantExecutable):
    """Leaves qubits that no gate touches out of the vector."""

    def _statevector(self) -> ComplexArray:
        used = {q for op in unroll(self.program.circuit) for q in op.qubits}
        idle = [q for q in range(self.program.circuit.n_qubits) if q not in used]
        table = super()._statevector().reshape((2,) * self.program.circuit.n_qubits)
        where: Any = tuple(0 if q in idle else slice(None) for q in range(table.ndim))
        return np.ravel(table[where])


class QubitOrder(MutantExecutable):
    """Gives the amplitudes over the measured qubits, whatever bit each is read into."""

    def amplitudes(self) -> ComplexArray:
        """The amplitudes, bits sorted by qubit."""
        vector = self.statevector().reshape((2,) * self.program.circuit.n_qubits)
        measured = self._bits.values()
        where: Any = tuple(slice(None) if q in measured else 0 for q in range(vector.ndim))
        return np.ravel(vector[where])


class FirstQubits(MutantExecutable):
    """Samples the first qubits, however many are measured."""

    def _sample(
        self, body: list[Gate], state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        return super()._sample(body, state, tuple(range(len(qubits))), shots, seed)


class SeedIgnored(MutantExecutable):
    """Draws the same outcomes for every seed."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        return super()._run(shots, 1)


class SeedUnused(MutantExecutable):
    """Draws afresh for every seed."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        return super()._run(shots, None)


class StateKept(MutantExecutable):
    """Starts each run from the vector that the last one left."""

    left: ComplexArray | None = None

    def _sample(
        self, body: list[Gate], state: ComplexArray | None, qubits: tuple[int, ...], shots: int, seed: int
    ) -> tuple[dict[int, int], ComplexArray]:
        counts, self.left = super()._sample(body, self.left if state is None else state, qubits, shots, seed)
        return counts, self.left


class ShotsRefused(MutantExecutable):
    """Declares shots and raises when asked for them."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        raise NotImplementedError("shots")


class AncillaMisplaced(MutantExecutable):
    """Post-selects the neighbour of each qubit."""

    def __init__(self, program: Any, backend: MutantBackend, lowered: Circuit) -> None:
        super().__init__(program, backend, lowered)
        n_qubits = lowered.n_qubits
        self.segments = [
            replace(
                s,
                postselect=replace(
                    s.postselect, qubits=tuple((q + 1) % n_qubits for q in s.postselect.qubits)
                ),
            )
            if s.postselect
            else s
            for s in self.segments
        ]


class NothingIsAnError(MutantExecutable):
    """Divides by the number of accepted shots."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        outcomes = super()._run(shots, seed)
        if not outcomes.accepted:
            raise ZeroDivisionError("no shot was accepted")
        return outcomes


class WrongAlpha(MutantExecutable):
    """Loses part of the scale of every post-selected step."""

    def _statevector(self) -> ComplexArray:
        return super()._statevector() * 0.99 ** (len(self.segments) - 1)


class LaterAlpha(MutantExecutable):
    """Loses part of the scale of every post-selected step but the first."""

    def _statevector(self) -> ComplexArray:
        return super()._statevector() * 0.99 ** max(0, len(self.segments) - 2)


class AnyVector(MutantExecutable):
    """Gives a vector though none is declared."""

    def statevector(self) -> ComplexArray:
        """The vector, whatever is declared."""
        return self._statevector()


class CountsKept(MutantExecutable):
    """Adds to the counts of every program compiled before."""

    def __init__(self, program: Any, backend: MutantBackend, lowered: Circuit) -> None:
        super().__init__(program, backend, lowered)
        backend.memory[str(len(backend.memory))] = lowered
        self._before = len(backend.memory) - 1

    @cached_property
    def _counts(self) -> Counts:
        return super()._counts * (1 + self._before)


class SharedResult(MutantExecutable):
    """Hands out its own buffer."""

    @cached_property
    def _buffer(self) -> ComplexArray:
        return super()._statevector()

    def _statevector(self) -> ComplexArray:
        return self._buffer


class AnyShots(MutantExecutable):
    """Takes any number of shots."""

    def run(self, shots: int, seed: int | None = None) -> Outcomes:
        """Sample without looking at the number."""
        return self._run(max(1, int(shots)), seed)


class NoReset(MutantExecutable):
    """Declares mid-circuit measurement and leaves every reset out."""

    def __init__(self, program: Any, backend: MutantBackend, lowered: Circuit) -> None:
        super().__init__(program, backend, without_reset(lowered))


class Midway(MutantExecutable):
    """Honest: samples what measures midway shot by shot."""

    def _measure(self, body: list[Gate], shots: int, seed: int) -> dict[int, int]:
        return sample(measure_all(self.lowered)[0], shots, seed)[0]


class MidwayReversed(Midway):
    """Reads the bits in reverse, but only of circuits that measure midway."""

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        outcomes, width = super()._run(shots, seed), self.lowered.n_bits
        if not self.whole:
            return outcomes
        return Outcomes({int(f"{k:0{width}b}"[::-1], 2): n for k, n in outcomes.counts.items()}, shots)


class FirstOutcome(Midway):
    """Keeps the first outcome of a bit that is written twice."""

    def __init__(self, program: Any, backend: MutantBackend, lowered: Circuit) -> None:
        ops: list[Op] = []
        written: set[int] = set()
        for op in inline(lowered):
            if isinstance(op, Measure):
                pairs = [(q, b) for q, b in zip(op.qubits, op.bits, strict=True) if b not in written]
                written.update(op.bits)
                op = Measure(tuple(q for q, _ in pairs), tuple(b for _, b in pairs))
            ops.append(op)
        super().__init__(program, backend, replace(lowered, ops=tuple(ops)))


class PostselectedNotReset(Midway):
    """Takes a qubit that was just post-selected for reset."""

    def __init__(self, program: Any, backend: MutantBackend, lowered: Circuit) -> None:
        ops = list(inline(lowered))
        kept = [
            op
            for op, before in zip(ops, [None, *ops], strict=False)
            if not (isinstance(op, Reset) and isinstance(before, PostSelect))
        ]
        super().__init__(program, backend, replace(lowered, ops=tuple(kept)))


class VectorOfAnything(MutantExecutable):
    """Gives the vector of the lowered circuit, whether or not the program has one."""

    def _statevector(self) -> ComplexArray:
        return self._evolve(self.segments[0].body, None)


class ExportOfPart(MutantExecutable):
    """Exports the circuit without its last gate."""

    def export(self, path: str | Path) -> None:
        """Write what is left."""
        ops = list(self.lowered.ops)
        del ops[max(i for i, op in enumerate(ops) if isinstance(op, Gate | Call))]
        Path(path).write_text(to_qasm(lower(replace(self.lowered, ops=tuple(ops)))), encoding="utf-8")


class ExportRounded(MutantExecutable):
    """Exports angles with six digits after the point."""

    def export(self, path: str | Path) -> None:
        """Write the file and round."""
        super().export(path)
        text = Path(path).read_text(encoding="utf-8")
        rounded = re.sub(r"\(([^)]*)\)", lambda found: f"({float(found[1]):.6f})", text)
        Path(path).write_text(rounded, encoding="utf-8")


def gates_only(counts: Counts) -> Counts:
    """The counts without measurements."""
    return replace(counts, gates={k: v for k, v in counts.items() if k not in ("measure", "postselect")})


def any_width(circuit: Circuit, backend: MutantBackend) -> Circuit:
    """Fit a circuit of any width."""
    return fit(circuit, replace(backend.capabilities, max_qubits=None))


def any_reset(circuit: Circuit, backend: MutantBackend) -> Circuit:
    """Fit a circuit with everything that is not declared left out."""
    return fit(without_reset(circuit), backend.capabilities)


def without_reset(circuit: Circuit) -> Circuit:
    """The circuit with its resets and all but the last measurements left out."""
    ops = [op for op in circuit.ops if not isinstance(op, Reset)]
    last = max((i for i, op in enumerate(ops) if isinstance(op, Measure)), default=0)
    return replace(
        circuit, ops=tuple(op for i, op in enumerate(ops) if i >= last or not isinstance(op, Measure))
    )
