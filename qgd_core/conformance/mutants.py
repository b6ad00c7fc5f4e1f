"""Deliberately wrong backends: the machinery that turns the honest toy into each mutant of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Backend, Capabilities, Executable, Outcomes
from qgd_core.backends.fitting import fit
from qgd_core.backends.segments import Segment
from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.counts import Counts
from qgd_core.circuit.ops import Gate
from qgd_core.circuit.program import Program
from qgd_core.conformance.toy import ToyBackend, ToyExecutable, flatten

Tree: TypeAlias = Callable[[Op], Op]
Body: TypeAlias = Callable[[list[Gate], int], list[Gate]]
One: TypeAlias = Callable[[Gate, int], Gate | None]


@dataclass(frozen=True)
class Mutant:
    """A wrong backend: its name, the check that must fail on it, and what it changes in the honest one.

    `tree` rewrites each op of the program, `gate` each lowered gate (None drops it; it is told the number of
    qubits), `body` the gates of a segment, `later` those of every segment but the first; `vector`, `outcomes`,
    `together` (of several programs) and `counts` rewrite results; `kind` replaces the executable, `fitted` what
    is compiled for a program.
    """

    name: str
    killer: str
    tree: Tree | None = None
    gate: One | None = None
    body: Body | None = None
    later: One | None = None
    vector: Callable[[ComplexArray], ComplexArray] | None = None
    outcomes: Callable[[Outcomes, int], Outcomes] | None = None
    together: Callable[[list[Outcomes]], list[Outcomes]] | None = None
    counts: Callable[[Counts], Counts] | None = None
    kind: type[MutantExecutable] | None = None
    fitted: Callable[[Circuit, MutantBackend], Circuit] | None = None
    capabilities: Capabilities = ToyBackend.capabilities


class MutantBackend(Backend):
    """The toy backend with the changes of one mutant; `memory` outlives a run, as it never should."""

    name = "mutant"

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.capabilities = mutant.capabilities
        self.memory: dict[str, Circuit] = {}

    def compile(self, program: Program) -> Executable:
        """Translate a program, wrongly."""
        circuit = program.circuit
        if self.mutant.tree:
            circuit = rewrite(circuit, self.mutant.tree)
        fitted = (self.mutant.fitted or _fit)(circuit, self)
        return (self.mutant.kind or MutantExecutable)(program, self, fitted)

    def _run_all(self, executables: list[Executable], shots: int, seed: int | None) -> list[Outcomes]:
        together = super()._run_all(executables, shots, seed)
        return self.mutant.together(together) if self.mutant.together else together


class MutantExecutable(ToyExecutable):
    """A program as lists of gates, changed as the mutant says."""

    def __init__(self, program: Program, backend: MutantBackend, lowered: Circuit) -> None:
        self.mutant = backend.mutant
        super().__init__(program, backend.capabilities, lowered, flatten)

    @cached_property
    def segments(self) -> list[Segment[list[Gate]]]:
        """The honest segments with their gates rewritten."""
        honest = super().segments
        return [replace(s, body=self._rewritten(s.body, i)) for i, s in enumerate(honest)]

    def _rewritten(self, body: list[Gate], place: int) -> list[Gate]:
        n_qubits = self.lowered.n_qubits
        for change in (self.mutant.gate, self.mutant.later if place else None):
            if change:
                body = [new for gate in body if (new := change(gate, n_qubits)) is not None]
        return self.mutant.body(body, n_qubits) if self.mutant.body else body

    def _statevector(self) -> ComplexArray:
        vector = super()._statevector()
        return self.mutant.vector(vector) if self.mutant.vector else vector

    def _run(self, shots: int, seed: int | None) -> Outcomes:
        outcomes = super()._run(shots, seed)
        return self.mutant.outcomes(outcomes, self.lowered.n_bits) if self.mutant.outcomes else outcomes

    @cached_property
    def _counts(self) -> Counts:
        counts = super()._counts
        return self.mutant.counts(counts) if self.mutant.counts else counts


def rewrite(circuit: Circuit, change: Tree) -> Circuit:
    """The tree with every op, at every depth, changed."""
    ops = []
    for op in circuit.ops:
        if isinstance(op, Call):
            op = replace(op, circuit=rewrite(op.circuit, change))
        ops.append(change(op))
    return replace(circuit, ops=tuple(ops))


def _fit(circuit: Circuit, backend: MutantBackend) -> Circuit:
    return fit(circuit, backend.capabilities)
