"""Adding to a register a number that one-hot labels choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgd_core.circuit.reversible import Reversible

Digit = tuple[int, int]  # power of two, sign


@dataclass(frozen=True)
class Shift:
    """|e_l>|j> -> |code_l>|j + shifts[l]>, on labels, j, then clean flags, then clean carries.

    `filled` is a label whose code also reads 1 on it for every other label, or None: the codes are one-hot
    but for that. A flag is 1 where the sum leaves the register.
    """

    ops: Reversible
    n_flags: int
    n_carries: int
    filled: int | None


def shift_by_label(
    shifts: Sequence[int], n_qubits: int, *, flagged: bool = False, exact: bool = False
) -> Shift:
    """Plan the addition of shifts[l] where label l is 1, nothing where no label is.

    Arguments: shifts, integers not divisible by 2**n_qubits, one per label; n_qubits of the register; flagged,
    to mark sums outside 0 .. 2**n_qubits - 1 instead of reducing them (magnitudes below 2**n_qubits); exact,
    to reduce them without leaving signs, for 4 CX more per pass.
    Result: a plan of about 9 n_qubits CX per pass, as many passes as the most complex shift has digits (in
    non-adjacent form, in plain binary when flagged). Signs, which `Reversible.act` gives, appear only where
    neither flagged nor exact is set.
    Raises: nothing.
    Source: ripple-carry addition, Cuccaro et al., arXiv:quant-ph/0410184, with carries kept in clean qubits,
    subtraction being addition between complements.
    """
    digits = [_plain_digits(shift) if flagged else _digits(shift, n_qubits) for shift in shifts]
    passes = max(map(len, digits), default=0)
    planner = _Planner(len(shifts), n_qubits, passes if flagged else 0, exact=exact)
    for position in reversed(range(passes)):
        chosen = {label: d[position] for label, d in enumerate(digits) if position < len(d)}
        planner.add(chosen, position)
    return Shift(planner.ops, planner.n_flags, planner.n_carries, planner.filled)


def _plain_digits(shift: int) -> list[Digit]:
    """Binary digits of the magnitude, all with the number's sign, lowest power first."""
    sign = 1 if shift > 0 else -1
    return [(power, sign) for power in range(abs(shift).bit_length()) if abs(shift) >> power & 1]


def _digits(shift: int, n_qubits: int) -> list[Digit]:
    """Non-adjacent form modulo 2**n_qubits, lowest power first."""
    shift = (shift + 2 ** (n_qubits - 1)) % 2**n_qubits - 2 ** (n_qubits - 1)
    digits = []
    power = 0
    while shift and power < n_qubits:
        if shift & 1:
            sign = 2 - (shift & 3) if power < n_qubits - 1 else 1
            digits.append((power, sign))
            shift -= sign
        shift >>= 1
        power += 1
    return digits


class _Planner:
    """Collects the passes; bits of j count from the lowest, and the flag of a pass stands above the top one."""

    def __init__(self, n_labels: int, n_qubits: int, n_flags: int, *, exact: bool) -> None:
        self.n_labels, self.n_qubits, self.n_flags, self.exact = n_labels, n_qubits, n_flags, exact
        self.ops = Reversible()
        self.n_carries = 0
        self.filled: int | None = None
        self.flag = 0

    def bit(self, power: int) -> int:
        if power == self.n_qubits:
            return self.n_labels + self.n_qubits + self.flag
        return self.n_labels + self.n_qubits - 1 - power

    def carry(self, index: int) -> int:
        self.n_carries = max(self.n_carries, index + 1)
        return self.n_labels + self.n_qubits + self.n_flags + index

    def add(self, digits: dict[int, Digit], position: int) -> None:
        """One pass: each label adds or subtracts its power of two."""
        self.flag = position
        lowest = min(power for power, _ in digits.values())
        if lowest == self.n_qubits - 1 and not self.n_flags:
            for label in digits:
                self.ops.flip(self.bit(lowest), label)
            return
        minus = [label for label, (_, sign) in digits.items() if sign < 0]
        plus = [label for label in digits if label not in minus]
        fewer = minus if len(minus) <= len(plus) else plus
        start = len(self.ops)
        gathered = [label for label, (power, _) in digits.items() if power == lowest]
        head = next((label for label in gathered if label not in fewer), gathered[0])
        negated, free = self._negation(fewer, head)
        middle = len(self.ops)
        for label in gathered:
            if label != head:
                self.ops.flip(head, label)
        ready = len(self.ops)
        self._complement(lowest, negated, whole=fewer is not minus)
        self._ripple(digits, lowest, head, free)
        self._complement(lowest, negated, whole=fewer is not minus)
        if position == 0 and free == 0 and len(gathered) == self.n_labels > 1:
            self.filled = head
        else:
            self.ops.undo(middle, ready)
        self.ops.undo(start, middle)

    def _negation(self, labels: list[int], head: int) -> tuple[int | None, int]:
        """The qubit that is 1 for these labels (a carry holds their sum where there are several)."""
        if not labels:
            return None, 0
        if len(labels) == 1 and labels[0] != head:
            return labels[0], 0
        for label in labels:
            self.ops.flip(self.carry(0), label)
        return self.carry(0), 1

    def _complement(self, lowest: int, negated: int | None, *, whole: bool) -> None:
        for power in range(lowest, self.n_qubits):
            if whole:
                self.ops.flip(self.bit(power))
            if negated is not None:
                self.ops.flip(self.bit(power), negated)

    def _ripple(self, digits: dict[int, Digit], lowest: int, head: int, free: int) -> None:
        """Carries upwards, the top one straight into its bit unless that would leave a sign; then sums downwards."""
        top = self.n_qubits if self.n_flags or self.exact else self.n_qubits - 1
        carries = {lowest: head}
        for power in range(lowest + 1, top):
            carries[power] = self.carry(free + power - lowest - 1)
            self._carry(digits, power, carries)
        if not self.exact:
            carries[top] = self.bit(top)
            self._carry(digits, top, carries)
        for power in reversed(range(lowest, top)):
            self.ops.flip(self.bit(power), carries[power])
            if power > lowest:
                self._carry(digits, power, carries)

    def _carry(self, digits: dict[int, Digit], power: int, carries: dict[int, int]) -> None:
        """The carry into a bit: from the bit below, or from labels that start there. Its own inverse."""
        self.ops.flip(carries[power], carries[power - 1], self.bit(power - 1))
        for label, (own, _) in digits.items():
            if own == power:
                self.ops.flip(carries[power], label)
