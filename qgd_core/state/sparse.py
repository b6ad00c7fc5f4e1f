"""States with few amplitudes on many qubits."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.ops import Controls
from qgd_core.errors import ConfigError


def prepare_sparse(amplitudes: Mapping[int, complex], n_qubits: int, name: str = "prepare_sparse") -> Circuit:
    """Circuit that takes |0...0> to the normalised sum of amplitudes[x] |x>.

    Arguments: amplitudes, real or complex, by basis state (0 to 2**n_qubits - 1), d of them not zero;
    n_qubits; name of the block.
    Result: an exact circuit of O(d n_qubits) CX, more for complex amplitudes, with about log2(d) clean qubits
    once lowered.
    Raises: ConfigError when a basis state is out of range, an amplitude is not finite, or all are zero.
    Source: Gleinig, Hoefler, "An efficient algorithm for sparse quantum state preparation", DAC 2021: merge two
    basis states at a time into one, and run that backwards.
    """
    left = {int(x): complex(a) for x, a in amplitudes.items() if a}
    if not left or not all(cmath.isfinite(a) for a in left.values()):
        raise ConfigError("A sparse state needs a finite amplitude other than zero.", subject=amplitudes)
    if not all(0 <= x < 2**n_qubits for x in left):
        raise ConfigError(f"Basis states {sorted(left)} do not fit {n_qubits} qubits.", subject=amplitudes)
    merger = _Merger(left, n_qubits)
    while len(merger.left) > 1:
        merger.merge()
    ((x, a),) = merger.left.items()
    builder = CircuitBuilder(name, n_qubits)
    for qubit in range(n_qubits):
        if merger.bit(x, qubit):
            builder.gate("x", [qubit])
    if cmath.phase(a):
        builder.gate("gphase", [], [cmath.phase(a)])
    builder.call(merger.builder.build(), range(n_qubits), adjoint=True)
    return builder.build()


class _Merger:
    """Basis states and amplitudes still apart, and the gates so far."""

    def __init__(self, left: dict[int, complex], n_qubits: int) -> None:
        self.left, self.n_qubits = left, n_qubits
        self.builder = CircuitBuilder("merge", n_qubits)

    def bit(self, x: int, qubit: int) -> int:
        return x >> (self.n_qubits - 1 - qubit) & 1

    def merge(self) -> None:
        """Rotate one basis state into another that few controls tell from the rest."""
        first, chosen = self._isolate(set(self.left), {})
        *kept, pivot = chosen.items()
        controls = dict(kept)
        others = {x for x in self.left if all(self.bit(x, q) == v for q, v in kept)} - {first}
        second, controls = self._isolate(others, controls)
        for qubit in range(self.n_qubits):
            if qubit != pivot[0] and self.bit(first, qubit) != self.bit(second, qubit):
                self._flip(qubit, pivot)
        # The flips moved every state with the pivot's value, `first` among them.
        first = second ^ (1 << (self.n_qubits - 1 - pivot[0]))
        fixed: Controls = tuple((q, self.bit(second, q)) for q in controls)
        a, b = self.left.pop(first), self.left[second]
        low, high = (b, a) if pivot[1] else (a, b)
        # One phase brings the two into line; what they share, a sign aside, stays with the result.
        shared = cmath.phase(low) % math.pi
        apart = cmath.phase(high) % math.pi - shared
        if apart:
            self.builder.gate("phase", [pivot[0]], [-apart], fixed)
        down, up = (z * cmath.exp(-1j * turn) for z, turn in ((low, shared), (high, shared + apart)))
        # Ry(-angle) takes (low, high) to (length, 0), Ry(pi - angle) to (0, length).
        angle = 2.0 * math.atan2(up.real, down.real)
        self.builder.gate("ry", [pivot[0]], [-angle if pivot[1] else math.pi - angle], fixed)
        self.left[second] = cmath.rect(math.hypot(abs(a), abs(b)), shared)

    def _isolate(self, among: set[int], controls: dict[int, int]) -> tuple[int, dict[int, int]]:
        """Single out one state by qubits that split the rest as unevenly as they can."""
        controls = dict(controls)
        while len(among) > 1:
            splits = (
                (q, {x for x in among if self.bit(x, q)}) for q in range(self.n_qubits) if q not in controls
            )
            qubit, ones = min(
                ((q, ones) for q, ones in splits if 0 < len(ones) < len(among)),
                key=lambda split: min(len(split[1]), len(among) - len(split[1])),
            )
            value = int(2 * len(ones) <= len(among))
            controls[qubit] = value
            among = ones if value else among - ones
        (only,) = among
        return only, controls

    def _flip(self, target: int, control: tuple[int, int]) -> None:
        self.builder.gate("x", [target], (), (control,))
        mask = 1 << (self.n_qubits - 1 - target)
        self.left = {
            x ^ mask if self.bit(x, control[0]) == control[1] else x: a for x, a in self.left.items()
        }
