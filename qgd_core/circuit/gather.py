"""Many qubits tested at once with hardly any clean one: what has been tested serves as clean for what comes next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qgd_core.circuit.ops import Controls
from qgd_core.circuit.reversible import Reversible

# Flags that are left to the selects of a rotation: an AND costs 6 CX, and one select more doubles the rotation's.
FEWEST = 3


@dataclass(frozen=True)
class Gathered:
    """`ops`, after which the flags hold exactly where all the controls held; then `clean` are |0>, or |1> where `ones`."""

    ops: Reversible
    flags: Controls
    clean: tuple[int, ...]
    ones: frozenset[int]


def gather(
    controls: Controls, clean: Sequence[int], most: int = FEWEST, ones: Collection[int] = ()
) -> Gathered:
    """Replace a condition on many qubits by one on at most `most` of them, by ANDs of 3 CX.

    An AND of c + 1 qubits takes c clean ones. Where it holds, all of them are known to be 1: they are clean for the
    next AND, and where it does not hold what they do no longer matters, since its own flag is tested too.
    Arguments: controls, with values; clean, qubits in |0> (or |1> for those of `ones`), at least `n_clean` for three
    flags: fewer leave more flags.
    Result: len(controls) - most ANDs at most, to be undone after use; the rest as in `Gathered`.
    Raises: nothing.
    Source: conditionally clean qubits, Khattar, Gidney, arXiv:2407.17966.
    """
    ops, flags, rest = Reversible(), list[tuple[int, int]](), list(controls)
    pool, raised = list(clean), set(ones)
    while len(flags) + len(rest) > most and pool and len(rest) > 1:
        taken = rest[: min(len(pool) + 1, len(flags) + len(rest) - most + 1)]
        rest = rest[len(taken) :]
        for qubit, value in taken:
            if not value:
                ops.flip(qubit)
        held, *others = (qubit for qubit, _ in taken)
        targets = pool[: len(others)]
        for qubit, target in zip(others, targets, strict=True):
            if target in raised:
                ops.flip(target)
            ops.flip(target, held, qubit)
            held = target
        flags.append((held, 1))
        free = [*(qubit for qubit, _ in taken), *targets[:-1]]
        raised |= {*free}
        pool = [*pool[len(others) :], *free]
    return Gathered(ops, (*flags, *rest), tuple(pool), frozenset(raised))


def n_clean(n_controls: int) -> int:
    """The fewest clean qubits with which `gather` leaves three flags."""
    # One, then twice as many and one, then four times as many and one.
    return 0 if n_controls <= FEWEST else max(1, -(-(n_controls - 3) // 7))
