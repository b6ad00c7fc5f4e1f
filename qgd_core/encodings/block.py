"""What a block encoding is made of, before any operator: a circuit, its matrix over alpha, and their figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import Counts, cost
from qgd_core.encodings.action import Action, transposed


class Layout(Protocol):
    """Where a structured encoding keeps its vectors."""

    @property
    def supported(self) -> RealArray:
        """1 on the basis states in use, 0 elsewhere; shape (2**n_system,)."""


# Qubits of the system up to which a circuit is built to be counted.
COUNTED = 12


@dataclass(frozen=True, eq=False)
class Block:
    """A unitary U with alpha (<0| x I) U (|0> x I) = `target` within `eps` in the 2-norm.

    The ancillas (`n_ancilla` qubits, first) start and are post-selected in |0>; the last `restored` of them return
    there by themselves where the others do, the last `clean` of these whatever the others do. The system register has
    `n_system` qubits. `two_qubit` and `rotations` bound the lowered gate counts from above and are known before the
    circuit is built. `target` (shape 2**n_system square) is the classical action. With a `layout` all of this holds on
    the states it supports, which the circuit keeps to; `build_gated` then makes the same circuit under a control in
    front, the identity on these states and clean ancillas where that is 0, its adjoint keeping to them too, for at most
    `gate_extra` CX and rotations more. The adjoint of a circuit that is `one_way` may leave them: see `both_ways`.
    """

    method: str
    target: Action
    alpha: float
    n_system: int
    n_ancilla: int
    eps: float
    two_qubit: int
    rotations: int
    build: Callable[[], Circuit]
    restored: int = 0
    losers: tuple[Block, ...] = ()
    layout: Layout | None = None
    build_gated: Callable[[], Circuit] | None = None
    gate_extra: int = 0
    clean: int = 0
    one_way: bool = False

    @property
    def n_projected(self) -> int:
        """Ancillas that a query projects."""
        return self.n_ancilla - self.restored

    @property
    def merit(self) -> float:
        """Cost of a query at unit subnormalisation: alpha * (CX + 6 (projected ancillas - 1) + 2)."""
        return self.alpha * (self.two_qubit + max(0, 6 * (self.n_projected - 1) + 2))

    @property
    def supported(self) -> RealArray:
        """1 on the basis states the encoding holds on, 0 elsewhere; shape (2**n_system,)."""
        return np.ones(2**self.n_system) if self.layout is None else self.layout.supported

    def circuit(self) -> Circuit:
        """The circuit, built once."""
        return self._circuit

    def matrix(self) -> Action:
        """The matrix it encodes, padded to the register."""
        return self.target

    def cost(self) -> Counts:
        """Exact counts of the circuit lowered to CX, Clifford, T and rotations."""
        return cost(self.circuit())

    def controlled(self, values: Sequence[int] = (1,)) -> Circuit:
        """The circuit under new control qubits, placed first, each with the value it must hold."""
        return self.circuit().controlled(values)

    def gated(self) -> Circuit:
        """The circuit under one control in front, as cheap as its layout allows."""
        return self.controlled() if self.build_gated is None else self.build_gated()

    def gated_cost(self) -> tuple[int, int]:
        """Upper bounds on the CX and rotations of `gated` and of its adjoint: counted, or gate by gate where it is large."""
        if self.build_gated is None and self.n_system > COUNTED:
            # A CX under a control takes 6, a rotation 2 and another one.
            return 6 * self.two_qubit + 2 * self.rotations, 2 * self.rotations
        if self.build_gated is None:
            # Adjoints are used as often: under a control they may lower to a few gates more.
            gated = self.controlled()
            both = [cost(one) for one in (gated, gated.adjoint())]
            return max(one.two_qubit for one in both), max(one.rotations for one in both)
        return self.two_qubit + self.gate_extra, self.rotations + self.gate_extra

    def adjoint(self) -> Self:
        """The encoding of the conjugate transpose, at the same cost."""
        own, gated = self.both_ways(), self.build_gated
        if own is not self:
            return own.adjoint()
        return self.derived(
            target=transposed(self.target),
            build=lambda: self.circuit().adjoint(),
            losers=self.losers,
            build_gated=None if gated is None else lambda: gated().adjoint(),
            gate_extra=self.gate_extra,
            clean=self.clean,
        )

    def both_ways(self) -> Self:
        """The same encoding by a circuit whose adjoint keeps to the supported states too: under its gate, held at 1."""
        if not self.one_way:
            return self
        n, (two_qubit, rotations) = self.n_ancilla, self.gated_cost()
        system = range(n + 1, n + 1 + self.n_system)

        def held() -> Circuit:
            builder = CircuitBuilder("held", system.stop)
            builder.gate("x", [n])
            builder.call(self.gated(), [n, *range(n), *system])
            builder.gate("x", [n])
            return builder.build()

        def gated() -> Circuit:
            builder = CircuitBuilder("gated", system.stop + 1)
            builder.call(self.gated(), [*range(n + 1), *range(n + 2, builder.n_qubits)])
            return builder.build()

        return replace(
            self,
            build=held,
            n_ancilla=n + 1,
            restored=self.restored + 1,
            clean=self.clean + 1,
            two_qubit=two_qubit,
            rotations=rotations,
            build_gated=gated,
            gate_extra=0,
            one_way=False,
        )

    def derived(self, **changes: Any) -> Self:
        """Another encoding made from this one: what is known of this circuit alone is left out."""
        alone: dict[str, Any] = {
            "losers": (),
            "layout": None,
            "build_gated": None,
            "gate_extra": 0,
            "clean": 0,
            "one_way": False,
        }
        return replace(self, **(alone | changes))

    def explain(self) -> str:
        """A table of this encoding and of those it was chosen over: alpha, CX, ancillas and figure of merit."""
        rows = [f"{'method':<16}{'alpha':>12}{'CX':>10}{'ancillas':>10}{'merit':>14}"]
        for one in (self, *self.losers):
            figures = f"{one.alpha:>12.6g}{one.two_qubit:>10}{one.n_ancilla:>10}{one.merit:>14.6g}"
            rows.append(f"{one.method:<16}{figures}{'  chosen' if one is self else ''}")
        return "\n".join(rows)

    @cached_property
    def _circuit(self) -> Circuit:
        return self.build()
