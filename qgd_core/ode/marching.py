"""Marching: apply a block encoding of every step, and keep the runs in which each of them succeeded.

Nothing is approximated besides the sampling: no quadrature, no linear solver, and a different step per use
is as easy as the same one. The success probability falls like (|M| / alpha)^(2T), which a dissipative step
keeps near a constant: the adjoined constant coordinate never decays. Where alpha is above the norm of products of
steps, these are amplified first (`ode.amplified`); where the norm itself grows, no amplification helps.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from qgd_core.arrays import ComplexArray
from qgd_core.budget import ErrorBudget, easier, in_sight
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import Counts, t_estimate
from qgd_core.encodings.base import BlockEncoding
from qgd_core.encodings.realisation import Realisation
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.linear.base import SYNTHESIS, Plan, Resources, quantile
from qgd_core.linear.classical import upper_norm
from qgd_core.linear.needed import join, of_encodings, of_norms
from qgd_core.ode.amplified import March, march_amplified, march_plainly
from qgd_core.ode.augment import realise_augmented
from qgd_core.ode.base import LinearRecurrence
from qgd_core.readout.frame import NormedReadout

# Fewest readable outcomes expected, so that the roots of their counts are nearly normal.
READABLE = 400
# Largest recurrence that is also encoded from its entries where its structure is known.
_LARGEST_ASSEMBLED = 512
_MOST_SHOTS = 10**12
# A number of shots that stands for all beyond it.
_UNSEEN = 1e300
_AMPLIFIED = ("auto", "none", "singular_values")


def plan_marching(
    problem: LinearRecurrence, eps: float, encoding: str = "auto", amplify: str = "auto"
) -> Plan:
    """Plan a recurrence by marching, without building a circuit or knowing the answer.

    Arguments: problem; eps, 2-norm error of z_T[wanted] relative to |z0|, all of it given to sampling, the
    only error of this route (amplified, a twentieth is the polynomials'); encoding, a name of `list_encodings`, that
    of the problem's own structure, or "auto"; amplify, "none", "singular_values" (groups of steps by a polynomial that
    brings alpha near their norm), or "auto", where that takes fewer queries for each accepted run. What is left
    open is what has the least two-qubit gates times shots.
    Result: a plan whose shots keep the sampling error below its share with probability 1 - 1e-4. T queries over
    success alpha^(-2 T) as they are, O(T^2 log(1/eps)) amplified while the norms of all products of steps stay near 1;
    where those grow, so does either, without bound.
    Raises: PrecisionUnreachable when more than 1e12 shots would be needed, with the nearest error that takes them, if
    enough of them are accepted; ConfigError for another word in `amplify`,
    or steps whose singular values cannot be amplified.
    Source: Fang, Lin, Tong, arXiv:2208.06941 (time marching), for exact discrete steps; the constant
    coordinate carries the source b and the scale.
    """
    if amplify not in _AMPLIFIED:
        raise ConfigError(f"amplify is {amplify!r}, expected one of {_AMPLIFIED}.", subject=amplify)
    realisations = _realisations(problem, encoding)
    marches = [] if amplify == "singular_values" else [march_plainly(problem, one) for one in realisations]
    if amplify != "none":
        cheaper = amplify == "auto"
        found = [march_amplified(problem, one, eps, only_if_cheaper=cheaper) for one in realisations]
        marches += [march for march in found if march is not None]
    if not marches:
        raise ConfigError(
            "No product of these steps has a norm that is known and below its alpha.",
            subject=problem,
            remedy="March without amplification, or amplify the success of the whole plan.",
        )
    plans = sorted(
        (_plan(problem, eps, march) for march in marches),
        key=lambda plan: plan.resources.two_qubit * plan.shots,
    )
    within = [plan for plan in plans if plan.shots <= _MOST_SHOTS]
    if not within:
        raise _too_many_shots(problem, eps, plans)
    return replace(within[0], losers=tuple(plan for plan in plans if plan is not within[0]))


def _too_many_shots(problem: LinearRecurrence, eps: float, plans: list[Plan]) -> PrecisionUnreachable:
    """The refusal of plans of too many shots, which fall like 1 / eps^2 until too few are accepted to be read."""
    fewest = min(plan.shots for plan in plans)
    readable = [plan for plan in plans if _MOST_SHOTS * plan.success_probability >= READABLE]
    best = min(readable, key=lambda plan: plan.shots, default=None)
    reachable = None if best is None else in_sight(eps * math.sqrt(best.shots / _MOST_SHOTS))
    gates = 0 if best is None else best.resources.two_qubit
    return PrecisionUnreachable(
        f"An error of {eps:.1e} needs {fewest:.1e} shots, more than {_MOST_SHOTS:.0e}.",
        subject=problem,
        value=reachable,
        remedy=easier(
            reachable, f"{gates} two-qubit gates a shot and {_MOST_SHOTS:.0e} shots", "march fewer steps"
        ),
    )


def _realisations(problem: LinearRecurrence, encoding: str) -> list[Realisation]:
    structure = problem.structure
    if structure is None:
        return [realise_augmented(problem, encoding)]
    found = []
    if encoding in ("auto", structure.method):
        found.append(structure.realise(problem.wanted, problem.bound()))
    if encoding != structure.method and (encoding != "auto" or problem.z0.size <= _LARGEST_ASSEMBLED):
        found.append(realise_augmented(problem, encoding))
    return found


def _plan(problem: LinearRecurrence, eps: float, march: March) -> Plan:
    """Shots from the covariance at the bound, gates from the encodings' own bounds."""
    realisation = march.realisation
    readout, sampling = realisation.readout, eps * (1.0 - march.share)
    norm = realisation.norm(march.uses)
    spread = readout.spread(norm, problem.bound())
    success = ((readout.constant - march.moved) / norm) ** 2
    rare = max(success, 1.0 / _UNSEEN)
    needed = min(
        _UNSEEN, max(quantile(readout.n_wanted) * spread / (sampling * problem.unit) ** 2, READABLE / rare)
    )
    uses = [realisation.encoding_at(t) for t in range(march.uses)]
    fixed = realisation.prepare_cost + readout.two_qubit
    rotations = realisation.prepare_cost + readout.rotations + 1 + sum(e.rotations for e in uses)
    resources = Resources(
        qubits=realisation.n_system + realisation.n_ancilla + march.spare,
        two_qubit=fixed + sum(e.two_qubit for e in uses),
        rotations=rotations,
        t_gates=t_estimate(Counts(rotations=rotations), SYNTHESIS),
        success_probability=min(1.0, success),
        shots=max(1, math.ceil(needed)),
    )
    return Plan(
        solver="marching",
        problem=problem,
        queries=march.queries,
        resources=resources,
        error_budget=ErrorBudget(polynomial=eps * march.share, shots=sampling),
        scale=norm,
        readout=NormedReadout(readout, norm),
        build=lambda: _circuit(realisation, march.uses),
        branch=lambda: _branch(realisation, march.uses),
        parameters={
            "encoding": realisation.method,
            **dict(march.chosen),
            "needed": join(of_encodings(*march.steps), of_norms(*march.steps)),
        },
        most_accepted=_most_accepted(uses),
        checks=tuple(e.n_ancilla for e in uses[:-1]),
    )


def _most_accepted(uses: list[BlockEncoding]) -> float:
    """Upper bound on the success probability, from the norms of the steps that are assembled."""
    different = {id(e): e for e in uses}
    sizes = {
        key: min(1.0, (upper_norm(e.target) + e.eps) / e.alpha) if isinstance(e.target, sp.csr_array) else 1.0
        for key, e in different.items()
    }
    return math.prod(sizes[id(e)] for e in uses) ** 2


def _circuit(realisation: Realisation, steps: int) -> Circuit:
    """Start, every step kept only on success, the read-out's frame, and a measurement of the register."""
    system = range(realisation.n_ancilla, realisation.n_ancilla + realisation.n_system)
    readout = realisation.readout
    builder = CircuitBuilder("marching", system.stop, realisation.n_system)
    builder.call(realisation.prepare(), system)
    if len(realisation.encodings) == 1:
        step = _step(realisation.encodings[0], realisation.n_ancilla)
        builder.call(step, range(builder.n_qubits), repeat=steps)
    else:
        for encoding in realisation.encodings:
            builder.call(_step(encoding, realisation.n_ancilla), range(builder.n_qubits))
    builder.call(readout.circuit(), system[realisation.n_system - readout.n_qubits :])
    builder.measure(system, range(realisation.n_system))
    return builder.build()


def _branch(realisation: Realisation, steps: int) -> ComplexArray:
    """The success branch by sparse products; the circuit may leave the frame's row signs out."""
    state = realisation.start / realisation.norm(steps)
    for t in range(steps):
        state = np.asarray(realisation.encoding_at(t).target @ state)
    frame = realisation.readout.frame
    return np.asarray((state.reshape(-1, frame.shape[0]) @ frame.T).reshape(-1), dtype=np.complex128)


def _step(encoding: BlockEncoding, n_ancilla: int) -> Circuit:
    """One use of an encoding, kept only if its ancillas return to |0>."""
    n_system = encoding.n_system
    own = range(n_ancilla - encoding.n_ancilla, n_ancilla)
    builder = CircuitBuilder("step", n_ancilla + n_system)
    builder.call(encoding.circuit(), [*own, *range(n_ancilla, n_ancilla + n_system)])
    builder.postselect(own)
    return builder.build()
