"""The dense reference simulator: every primitive interpreted directly, sharing nothing with the lowering."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.circuit.circuit import Circuit, unroll
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset
from qgd_core.errors import ConfigError, UnsupportedOperation

MAX_QUBITS = 26


def simulate(circuit: Circuit, initial: ComplexArray | None = None) -> ComplexArray:
    """Run the circuit on a dense vector and return the unnormalised result.

    Arguments: circuit, up to 26 qubits; initial, shape (2**n_qubits,), |0...0> by default; it is not changed.
    Result: complex128 of shape (2**n_qubits,), exact up to rounding. A PostSelect projects without
    renormalising, so the squared norm is the success probability; a last Measure leaves the vector as it is.
    Raises: ConfigError for a wrong initial vector or too many qubits; UnsupportedOperation for a Reset or for
    a measured qubit that is used again.
    Source: none.
    """
    size = 2 ** _checked(circuit.n_qubits)
    if initial is None:
        state = np.zeros((size, 1), dtype=np.complex128)
        state[0] = 1
    else:
        state = np.array(initial, dtype=np.complex128)
        if state.shape != (size,):
            raise ConfigError(f"initial has shape {state.shape}, expected ({size},).", subject=circuit)
    return _evolve(circuit, state.reshape(size, 1)).reshape(size)


def unitary(circuit: Circuit) -> ComplexArray:
    """The dense matrix of the circuit; with post-selection, the matrix of its success branch.

    Arguments: circuit, up to 13 qubits.
    Result: complex128 of shape (2**n_qubits, 2**n_qubits), exact up to rounding.
    Raises: as simulate.
    Source: none.
    """
    size = 2 ** (_checked(2 * circuit.n_qubits) // 2)
    return _evolve(circuit, np.eye(size, dtype=np.complex128))


def sample(circuit: Circuit, shots: int, seed: int) -> tuple[dict[int, int], int]:
    """Draw shots from |0...0>, mid-circuit measurements and resets included.

    Shots that agree so far share one state: they part where a measurement is used again or a qubit is reset.
    Arguments: circuit, up to 26 qubits; shots, not negative; seed of the numpy generator.
    Result: how many accepted shots read each value of the classical bits (bit 0 most significant, bits never
    written read 0), and how many shots every post-selection accepted. Exact sampling.
    Raises: ConfigError for negative shots or too many qubits.
    Source: none.
    """
    if shots < 0:
        raise ConfigError(f"shots is {shots}, it cannot be negative.", value=shots)
    state = np.zeros((2 ** _checked(circuit.n_qubits), 1), dtype=np.complex128)
    state[0] = 1
    sampler = _Sampler(circuit, np.random.default_rng(seed))
    sampler.run(state.reshape((2,) * circuit.n_qubits + (1,)), shots, 0, 0)
    return dict(sampler.counts), sampler.counts.total()


class _Sampler:
    """Splits shots at each measurement that cannot wait to the end, and draws the others jointly there."""

    def __init__(self, circuit: Circuit, rng: np.random.Generator) -> None:
        self.rng = rng
        self.counts: Counter[int] = Counter()
        self.ops = list(unroll(circuit))
        self.last: list[tuple[int, int]] = []  # (qubit, weight of its bit), measured last
        self.collapse: dict[int, list[int]] = {}  # op index -> weights of its bits, for what cannot wait
        used: set[int] = set()
        written: set[int] = set()
        for i, op in reversed(list(enumerate(self.ops))):
            if isinstance(op, Measure):
                weights = [0 if b in written else 1 << (circuit.n_bits - 1 - b) for b in op.bits]
                written.update(op.bits)
                if used.isdisjoint(op.qubits):
                    self.last.extend(zip(op.qubits, weights, strict=True))
                else:
                    self.collapse[i] = weights
            elif isinstance(op, Reset):
                self.collapse[i] = [0] * len(op.qubits)
            if isinstance(op, Gate | Reset):
                used.update(op.qubits)

    def run(self, state: ComplexArray, shots: int, start: int, bits: int) -> None:
        """Carry `shots` runs that share `state` (normalised, written over) from op `start` to the end."""
        for i in range(start, len(self.ops)):
            op = self.ops[i]
            if i in self.collapse:
                for values, part, count in self._split(state, op.qubits, shots):
                    if isinstance(op, Reset):
                        _flip(part, op.qubits, values)
                    word = sum(w for w, v in zip(self.collapse[i], values, strict=True) if v)
                    self.run(part, count, i + 1, bits | word)
                return
            _apply(state, op)
        qubits = tuple(sorted({q for q, _ in self.last}))
        for values, count in self._draw(state, qubits, shots):
            held = dict(zip(qubits, values, strict=True))
            self.counts[bits | sum(w for q, w in self.last if held[q])] += count

    def _split(
        self, state: ComplexArray, qubits: tuple[int, ...], shots: int
    ) -> Iterator[tuple[tuple[int, ...], ComplexArray, int]]:
        for values, count in self._draw(state, qubits, shots):
            part = state.copy()
            _project(part, qubits, values)
            yield values, part / np.linalg.norm(part), count

    def _draw(
        self, state: ComplexArray, qubits: tuple[int, ...], shots: int
    ) -> Iterator[tuple[tuple[int, ...], int]]:
        """Outcomes of `qubits` and how many of `shots` got each; the norm lost so far is rejected shots."""
        weights: RealArray = np.abs(np.moveaxis(state, qubits, range(len(qubits)))) ** 2
        odds = weights.reshape(2 ** len(qubits), -1).sum(axis=1)
        accepted = int(self.rng.binomial(shots, min(1.0, odds.sum())))
        if accepted:
            drawn = self.rng.multinomial(accepted, odds / odds.sum())
            for outcome in np.flatnonzero(drawn):
                word = tuple(int(outcome) >> (len(qubits) - 1 - k) & 1 for k in range(len(qubits)))
                yield word, int(drawn[outcome])


def _evolve(circuit: Circuit, columns: ComplexArray) -> ComplexArray:
    """Apply every primitive in place to the columns, shape (2**n_qubits, batch), and return them."""
    state = columns.reshape((2,) * circuit.n_qubits + (-1,))
    measured: set[int] = set()
    for op in unroll(circuit):
        if isinstance(op, Reset) or (isinstance(op, Gate) and not measured.isdisjoint(op.qubits)):
            raise UnsupportedOperation(
                f"Circuit {circuit.name!r} resets or uses a measured qubit: it has no single final vector.",
                subject=op,
                remedy="Use sample, or defer the measurement.",
            )
        if isinstance(op, Measure):
            measured.update(op.qubits)
        _apply(state, op)
    return columns


def _apply(state: ComplexArray, op: Gate | Measure | Reset | PostSelect) -> None:
    """Apply a gate or a post-selection in place to a state of shape (2, ..., 2, batch)."""
    if isinstance(op, PostSelect):
        _project(state, op.qubits, op.values)
    elif isinstance(op, Gate):
        selects, targets, matrix = _as_blocks(op)
        axes = [q for q, _ in op.controls] + targets + selects
        active = np.moveaxis(state, axes, range(len(axes)))[tuple(value for _, value in op.controls)]
        rest = (1,) * (active.ndim - len(targets) - len(selects))
        parts = [active[word] for word in itertools.product((0, 1), repeat=len(targets))]
        changed = []
        for r, row in enumerate(matrix):
            entries = [(c, entry) for c, entry in enumerate(row) if np.any(entry)]
            if len(entries) == 1 and entries[0][0] == r:
                if np.any(entries[0][1] != 1):
                    changed.append((r, parts[r] * entries[0][1].reshape(entries[0][1].shape + rest)))
                continue
            products = (parts[c] * entry.reshape(entry.shape + rest) for c, entry in entries)
            total = next(products)
            for product in products:
                total += product
            changed.append((r, total))
        for r, values in changed:
            parts[r][...] = values


def _as_blocks(gate: Gate) -> tuple[list[int], list[int], ComplexArray]:
    """Selects, targets, and the matrix on the targets for each value of the selects, shape (d, d, 2, ..., 2)."""
    qubits = list(gate.targets)
    blocks = _BLOCKS.get(gate.name)
    if blocks is None:
        return [], qubits, gate.matrix()
    matrix = blocks(np.array(gate.params))
    n_targets = len(matrix) // 2
    n_selects = len(qubits) - n_targets
    return qubits[:n_selects], qubits[n_selects:], matrix.reshape(matrix.shape[:2] + (2,) * n_selects)


def _ry_blocks(angles: RealArray) -> ComplexArray:
    c, s = np.cos(angles / 2), np.sin(angles / 2)
    return np.array([[c, -s], [s, c]], dtype=np.complex128)


def _rz_blocks(angles: RealArray) -> ComplexArray:
    e, zero = np.exp(0.5j * angles), np.zeros_like(angles)
    return np.array([[e.conj(), zero], [zero, e]], dtype=np.complex128)


_BLOCKS: dict[str, Callable[[RealArray], ComplexArray]] = {
    "mux_ry": _ry_blocks,
    "mux_rz": _rz_blocks,
    "diagonal": lambda phases: np.exp(1j * phases).reshape(1, 1, -1),
}


def _project(state: ComplexArray, qubits: tuple[int, ...], values: tuple[int, ...]) -> None:
    for qubit, value in zip(qubits, values, strict=True):
        np.moveaxis(state, qubit, 0)[1 - value] = 0


def _flip(state: ComplexArray, qubits: tuple[int, ...], values: tuple[int, ...]) -> None:
    for qubit, value in zip(qubits, values, strict=True):
        if value:
            axis = np.moveaxis(state, qubit, 0)
            axis[:] = axis[::-1].copy()


def _checked(n_qubits: int) -> int:
    if n_qubits > MAX_QUBITS:
        raise ConfigError(
            f"The dense simulator would need {n_qubits} qubits of memory, at most {MAX_QUBITS} fit.",
            value=n_qubits,
            remedy="Use the emulator, or a smaller problem.",
        )
    return n_qubits
