"""Amplitude amplification of any plan: fewer shots for a longer circuit, and the scale is still known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counter import count_cost, with_success_counter
from qgd_core.circuit.counts import rotation_t_count
from qgd_core.circuit.ops import Controls, Measure, PostSelect
from qgd_core.linear.base import Plan, Readout
from qgd_core.readout.base import Estimate


def amplify(plan: Plan, rounds: int | None = None) -> Plan:
    """The same plan after some rounds of amplitude amplification, as many as its bound on the success allows.

    r rounds turn the angle asin(sqrt p) into 2 r + 1 times itself. Kept below a right angle by the upper bound
    `plan.most_accepted`, that is a map of p which the accepted share of shots inverts, so signs and scale survive.
    Arguments: plan; rounds, by default the most that cannot overshoot; 0 returns the plan as it is.
    Result: a plan of 2 r + 1 times the queries whose success probability is sin^2((2 r + 1) asin sqrt p); the shots
    fall as it grows, at the same error. Post-selections in mid-circuit become a coherent counter.
    Raises: nothing.
    Source: Brassard, Hoyer, Mosca, Tapp, arXiv:quant-ph/0005055, lemma 1 and theorem 4.
    """
    if rounds is None:
        rounds = most_rounds(plan.most_accepted)
    if rounds < 1:
        return plan
    uses, old = 2 * rounds + 1, plan.resources
    success = _amplified(old.success_probability, rounds)
    # The gain falls as the success rises, so shots are planned for the highest success the bound allows.
    highest = max(old.success_probability, plan.most_accepted)
    gain = _amplified(highest, rounds) / highest if highest else float(uses**2)
    counter = len(plan.checks).bit_length()
    counting = sum(count_cost(qubits, counter) for qubits in plan.checks)
    n_qubits = old.qubits + counter
    rotations = uses * old.rotations
    resources = replace(
        old,
        qubits=2 * n_qubits + max((*plan.checks, 0)),
        two_qubit=uses * (old.two_qubit + counting) + rounds * 12 * n_qubits,
        rotations=rotations,
        t_gates=rotation_t_count(rotations, old.synthesis),
        success_probability=success,
        shots=math.ceil(old.shots / gain),
    )
    return replace(
        plan,
        queries=uses * plan.queries,
        resources=resources,
        readout=AmplifiedReadout(plan.readout, rounds),
        build=lambda: _circuit(plan.build(), rounds),
        branch=lambda: _branch(plan.branch(), rounds),
        parameters={**plan.parameters, "amplification rounds": rounds},
        most_accepted=1.0,
        checks=(),
    )


def most_rounds(most_accepted: float) -> int:
    """Rounds after which a success probability of at most this is still short of 1."""
    angle = math.asin(math.sqrt(min(1.0, most_accepted)))
    return max(0, math.floor((math.pi / (2.0 * angle) - 1.0) / 2.0)) if angle else 0


@dataclass(frozen=True)
class AmplifiedReadout:
    """A read-out of amplitudes that `rounds` of amplification have stretched."""

    inner: Readout
    rounds: int

    def from_counts(self, counts: Mapping[int, int], shots: int) -> Estimate:
        """As the inner read-out, for as many more shots as the amplification is worth."""
        accepted = sum(counts.values()) / shots
        worth = accepted / self._plain(accepted) if accepted else 1.0
        return replace(self.inner.from_counts(counts, round(shots * worth)), accepted=accepted)

    def from_amplitudes(self, amplitudes: ComplexArray) -> Estimate:
        """As the inner read-out of the amplitudes before amplification."""
        accepted = float(np.vdot(amplitudes, amplitudes).real)
        shrink = math.sqrt(self._plain(accepted) / accepted) if accepted else 1.0
        return replace(self.inner.from_amplitudes(amplitudes * shrink), accepted=accepted)

    def _plain(self, accepted: float) -> float:
        """The success probability before amplification."""
        return math.sin(math.asin(math.sqrt(min(1.0, accepted))) / (2 * self.rounds + 1)) ** 2


def _amplified(success: float, rounds: int) -> float:
    return math.sin(min(math.pi / 2, (2 * rounds + 1) * math.asin(math.sqrt(success)))) ** 2


def _branch(plain: ComplexArray, rounds: int) -> ComplexArray:
    size = float(np.linalg.norm(plain))
    angle = math.asin(min(1.0, size))
    return plain * (math.sin((2 * rounds + 1) * angle) / size)


def _circuit(plain: Circuit, rounds: int) -> Circuit:
    counted = with_success_counter(plain)
    selections = [op for op in counted.ops if isinstance(op, PostSelect)]
    measured = [op for op in counted.ops if isinstance(op, Measure)]
    kept = [op for op in counted.ops if not isinstance(op, Measure | PostSelect)]
    body = Circuit(plain.name, counted.n_qubits, tuple(kept))
    good: Controls = tuple(pair for op in selections for pair in zip(op.qubits, op.values, strict=True))
    wires = range(body.n_qubits)
    builder = CircuitBuilder(f"amplified_{plain.name}", body.n_qubits, plain.n_bits)
    builder.call(body, wires)
    for _ in range(rounds):
        builder.gate("gphase", [], [math.pi], good)
        builder.call(body, wires, adjoint=True)
        builder.gate("gphase", [], [math.pi], tuple((q, 0) for q in wires))
        builder.call(body, wires)
        builder.gate("gphase", [], [math.pi])
    for op in selections:
        builder.postselect(op.qubits, op.values)
    for seen in measured:
        builder.measure(seen.qubits, seen.bits)
    return builder.build()
