"""The small changes that mutants are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.api import Outcomes
from qgd_core.circuit.circuit import Call, Circuit, Op
from qgd_core.circuit.counts import Counts
from qgd_core.circuit.ops import Gate, PostSelect
from qgd_core.conformance.mutant_engines import MutantBackend, fit
from qgd_core.conformance.mutants import One, Tree


def turn(change: Callable[[float], float], *names: str) -> One:
    """Change the angles of the named gates."""
    return lambda g, n: replace(g, params=tuple(map(change, g.params))) if g.name in names else g


def rename(**names: str) -> One:
    """Take one gate for another."""
    return lambda g, n: replace(g, name=names.get(g.name, g.name))


def drop(when: Callable[[Gate, int], bool]) -> One:
    """Leave out the gates for which `when` holds."""
    return lambda g, n: None if when(g, n) else g


def uncontrol(keep: Callable[[Gate, int], int]) -> One:
    """Keep only the first controls of each gate, as many as `keep` says."""
    return lambda g, n: replace(g, controls=g.controls[: keep(g, n)])


def unpair(n_qubits: int) -> One:
    """Drop the control for a few (control, target) pairs, on registers of exactly one size."""

    def change(gate: Gate, n: int) -> Gate:
        odd = (
            n == n_qubits
            and gate.controls
            and gate.targets
            and gate.controls[0][0] == gate.targets[0] + n - 2
        )
        return replace(gate, controls=gate.controls[1:]) if odd else gate

    return change


def move(place: Callable[[int, int], int]) -> One:
    """Put qubit q of n at place(q, n)."""
    return lambda g, n: replace(
        g,
        targets=tuple(place(q, n) for q in g.targets),
        controls=tuple((place(q, n), v) for q, v in g.controls),
    )


def calls(change: Callable[[Call], Call]) -> Tree:
    """Change every call."""
    return lambda op: change(op) if isinstance(op, Call) else op


def gates(change: Callable[[Gate], Gate]) -> Tree:
    """Change every gate as the program writes it."""
    return lambda op: change(op) if isinstance(op, Gate) else op


def select(change: Callable[[PostSelect], PostSelect]) -> Tree:
    """Change every post-selection."""
    return lambda op: change(op) if isinstance(op, PostSelect) else op


def keys(change: Callable[[int, int], int]) -> Callable[[Outcomes, int], Outcomes]:
    """Change the key of every outcome, told the number of bits."""
    return lambda o, n: Outcomes({change(key, n): number for key, number in o.counts.items()}, o.shots)


def reverse(word: int, width: int) -> int:
    """The word with its digits in reverse."""
    return int(f"{word:0{width}b}"[::-1], 2) if width else word


def reverse_table(params: tuple[float, ...]) -> tuple[float, ...]:
    """A table indexed by the reversed word."""
    width = len(params).bit_length() - 1
    return tuple(params[reverse(i, width)] for i in range(len(params)))


def wrong_adjoint(call: Call) -> Call:
    """Each gate inverted, the order kept."""
    if not call.adjoint:
        return call
    ops: list[Op] = [op.adjoint() if isinstance(op, Gate) else op for op in call.circuit.ops]
    return replace(call, circuit=replace(call.circuit, ops=tuple(ops)), adjoint=False)


def swap_ends(gate: Gate, n: int) -> Gate:
    """Exchange control and target of a controlled X."""
    if gate.name != "x" or len(gate.controls) != 1:
        return gate
    return replace(gate, targets=(gate.controls[0][0],), controls=((gate.targets[0], 1),))


def bias(share: float) -> Callable[[Outcomes, int], Outcomes]:
    """Flip the last bit of a share of the zeros."""

    def change(outcomes: Outcomes, n_bits: int) -> Outcomes:
        counts = dict(outcomes.counts)
        for key, number in outcomes.counts.items():
            if not key & 1 and n_bits:
                moved = round(share * number)
                counts[key] -= moved
                counts[key | 1] = counts.get(key | 1, 0) + moved
        return Outcomes({key: number for key, number in counts.items() if number}, outcomes.shots)

    return change


def scaled(outcomes: Outcomes, n_bits: int) -> Outcomes:
    """Accepted shots scaled up as if none had been rejected."""
    kept = outcomes.accepted or 1
    return Outcomes({k: round(v * outcomes.shots / kept) for k, v in outcomes.counts.items()}, outcomes.shots)


def lose_one(outcomes: Outcomes, n_bits: int) -> Outcomes:
    """Leave one shot out."""
    counts = dict(outcomes.counts)
    if counts:
        counts[max(counts)] -= 1
    return Outcomes({key: number for key, number in counts.items() if number}, outcomes.shots)


def plus(key: str, number: int) -> Callable[[Counts], Counts]:
    """Add to a count."""
    return lambda counts: counts + Counts({key: number})


def real_first(vector: ComplexArray) -> ComplexArray:
    """Turn the first amplitude real."""
    first = vector[np.argmax(np.abs(vector) > 1e-9)]
    return vector * (abs(first) / first) if first else vector


def unit(vector: ComplexArray) -> ComplexArray:
    """Normalise the vector."""
    norm = np.linalg.norm(vector)
    return vector / norm if norm else vector


def by_name(circuit: Circuit, backend: MutantBackend) -> Circuit:
    """Compile a program that has a known name to the one known."""
    fitted = fit(circuit, backend.capabilities)
    return backend.memory.setdefault(circuit.name, fitted)


def first_only(select: PostSelect) -> PostSelect:
    """Post-select the first qubit alone."""
    return PostSelect(select.qubits[:1], select.values[:1])
