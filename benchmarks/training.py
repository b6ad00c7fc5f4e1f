"""Training windows against the true iteration: python benchmarks/training.py [windows] [sampled] [bootstraps]

The problem is L2-regularised logistic regression (0.1) on all 569 tumours of breast_cancer, fitted, pruned to the k
largest weights, then T = 10 steps of rate 1 unless another is given. Every window is planned without the answer; errors
are of the exact amplitudes (or of shots, where said), relative to the move, against true gradient descent or its
stochastic form on the same minibatches. CX are counted in the lowered circuit. Controls: the centre alone, as many
Newton steps on all data and nothing else (the centre where that is all it takes), N = 1, and the Carleman model run
classically; momentum doubles the variables. The last column is what a row is held to, N = 1 always among it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from routes.rows import Limit

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counter import with_success_counter
from qgd_core.circuit.counts import cost, count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.errors import QgdError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.centre import find_centre
from qgd_core.learn.data import load
from qgd_core.learn.descent import descend
from qgd_core.learn.expand import restrict
from qgd_core.learn.losses import Objective
from qgd_core.learn.minibatch import BatchLosses, FunctionLoss, Schedule
from qgd_core.learn.models import logistic
from qgd_core.learn.pruning import prune
from qgd_core.learn.settings import Settings
from qgd_core.learn.step_losses import StepLosses, as_steps
from qgd_core.learn.window import WindowPlan, plan_window
from qgd_core.ode.base import LinearRecurrence

BUDGET = 0.3
HEAD = (
    "| case | qubits | CX | success | error | N = 1 | model, classical | centre alone | Newton only | encoding | rank |"
    " s | held to |"
)
RULE = f"|{'---|' * 13}"


class Case:
    """A fitted and pruned logistic regression."""

    def __init__(self, keep: int, l2: float = 0.1, rows: np.ndarray | None = None) -> None:
        data = load("breast_cancer", 0.3, seed=0)
        x, y = torch.cat([data.x_train, data.x_test]), torch.cat([data.y_train, data.y_test])
        if rows is not None:
            x, y = x[rows], y[rows]
        spread = x.std(dim=0, correction=0)
        self.data = ((x - x.mean(dim=0)) / torch.where(spread > 0, spread, 1.0), y)
        self.model, self.objective = logistic(x.shape[1]), Objective("logistic", l2)
        everything = ActiveSet.from_names(self.model)
        dense = FunctionLoss(restrict(self.model, self.objective, self.data, everything))
        w = np.zeros(len(everything))
        for _ in range(12):
            w = w - np.linalg.solve(dense.derivative(w, 2), dense.derivative(w, 1))
        everything.write(self.model, w)
        self.active = prune(self.model, keep=keep)
        self.start = self.active.gather(self.model)
        self.loss = as_steps(FunctionLoss(restrict(self.model, self.objective, self.data, self.active)))

    def minibatches(self, size: int, steps: int, seed: int) -> StepLosses:
        batches = Schedule(len(self.data[0]), size, seed).batches(self.data, 0, steps)
        return BatchLosses(self.model, self.objective, batches, self.active)


def errors(plan: WindowPlan, case: Case, losses: StepLosses, settings: Settings) -> list[float]:
    """Of exact amplitudes, N = 1, the classical Carleman model, the centre alone, and Newton steps alone."""
    truth = descend(losses, case.start, settings).end
    move = float(np.linalg.norm(truth - case.start))
    exact = plan.weights(plan.route.emulate().value / plan.system.scale)
    whole = as_steps(case.loss.parts[0], settings.weight_decay)
    newton = find_centre(whole, case.start, max(1, settings.newton_steps)).point
    points = (exact, plan.affine(), plan.classical(), plan.centre.point, newton)
    return [float(np.linalg.norm(point - truth)) / move for point in points]


def row(
    name: str, case: Case, losses: StepLosses, settings: Settings, limit: Limit | None = None
) -> WindowPlan | None:
    """One window; the plan, if there is one."""
    began = time.process_time()
    try:
        plan = plan_window(losses, case.start, settings)
        found = errors(plan, case, losses, settings)
        counts = cost(plan.route.compile().circuit)
    except QgdError as error:
        print(f"| {name} | {str(error)[:140]} |{' |' * 11}", flush=True)
        return None
    problem = plan.route.problem
    structure = problem.structure if isinstance(problem, LinearRecurrence) else None
    rank = structure.maps[0].rank if isinstance(structure, SlotSteps) else "-"
    exact, affine, model, centre, newton = found
    cx, qubits, success = counts.two_qubit, plan.route.qubits, plan.route.emulate().accepted
    print(
        f"| {name} | {qubits} | {cx} | {success:.3f} |"
        f" {exact:.1e} | {affine:.1e} | {model:.1e} | {centre:.1e} | {newton:.1e} |"
        f" {plan.route.parameters['encoding']} | {rank} | {time.process_time() - began:.1f} |"
        f" {(limit or Limit()).judge(cx, qubits, success, exact, affine)} |",
        flush=True,
    )
    return plan


def counted_row(plan: WindowPlan) -> None:
    """The same window with one coherent counter in the place of every measurement."""
    circuit = plan.route.compile().circuit
    counted = with_success_counter(circuit)
    lowered = lower(counted)
    kept = simulate(counted).reshape(-1, 2 ** (counted.n_qubits - circuit.n_qubits))[:, 0]
    off = float(np.abs(kept - simulate(circuit)).max())
    cx, held = count(lowered).two_qubit, Limit(1100, 23, 1e-12)
    print(
        f"| the same, one coherent counter | {lowered.n_qubits} | {cx} | {np.vdot(kept, kept).real:.3f} |"
        f" {off:.1e} from projection |{' |' * 7} {held.judge(cx, lowered.n_qubits, 1.0, off)} |",
        flush=True,
    )


def windows() -> None:
    """Training windows by marching, each planned blind, by exact amplitudes against true (stochastic) gradient descent.

    L2-regularised logistic regression (0.1) on all 569 tumours of breast_cancer, fitted, pruned to the k largest weights;
    T = 10 steps of rate 1 unless another is given. CX are those of the lowered circuit, with measure and reset after
    every step; one row has a coherent counter instead. Momentum doubles the variables. The rank is that of the cubic part.
    """
    print(f"{HEAD}\n{RULE}")
    four, plain = Case(4), Settings(steps=10, budget=BUDGET, solver="marching", newton_steps=2)
    one = replace(plain, newton_steps=1)
    row("k = 4, one Newton step", four, four.loss, one, Limit(1100, 14, 4e-3, 0.3))
    row("k = 4, two Newton steps", four, four.loss, plain, Limit(1100, 14, 2e-3, 0.5))
    recentred = row(
        "k = 4, two, recentred", four, four.loss, replace(plain, recentre=True), Limit(620, 12, 2.5e-3)
    )
    if recentred:
        counted_row(recentred)
    for seed in range(3):
        batches, held = four.minibatches(64, 10, seed), Limit(1200, error=2.5e-3)
        row(f"k = 4, SGD of 64, two, seed {seed}", four, batches, plain, held)
        row(f"k = 4, SGD of 64, one, seed {seed}", four, batches, one, held)
    for momentum, rate in ((0.3, 0.7), (0.5, 0.5), (0.5, 1.0), (0.9, 0.1), (0.9, 0.2)):
        settings = replace(plain, momentum=momentum, learning_rate=rate)
        row(f"k = 4, momentum {momentum}, rate {rate}", four, four.loss, settings)
    row("k = 4, weight decay 0.05", four, four.loss, replace(plain, weight_decay=0.05))
    cosine = tuple((1 + np.cos(np.pi * t / 10)) / 2 for t in range(10))
    row("k = 4, cosine schedule", four, four.loss, replace(plain, schedule=cosine))
    newton = replace(one, preconditioner="newton", learning_rate=0.3)
    row("k = 4, Newton preconditioner, rate .3", four, four.loss, newton)
    row("k = 4, order 3, two", four, four.loss, replace(plain, order=3))
    held_to = {2: Limit(450, 10, 2.5e-3), 8: Limit(3000, 18, 1.5e-3, 0.4)}
    for keep in (2, 8, 16):
        case = Case(keep)
        row(f"k = {keep}, two Newton steps", case, case.loss, plain, held_to.get(keep))


def sampled() -> None:
    """Root mean square error of the weights over 200 draws, beside what the plan expected of it; and the controls."""
    print(
        "| shots | expected | measured | total error, root mean square | N = 1 | model, classical | centre alone |"
        f" Newton only | held to |\n|{'---|' * 9}"
    )
    case, machine = Case(4), get_backend("emulator")
    for shots, largest in ((30_000, 1e-2), (500_000, 5e-3)):
        settings = Settings(steps=10, newton_steps=2, budget=BUDGET, solver="marching", shots=shots)
        plan = plan_window(case.loss, case.start, settings)
        truth = descend(case.loss, case.start, settings).end
        move = np.linalg.norm(truth - case.start)
        exact = plan.weights(plan.route.emulate().value / plan.system.scale)
        executable = machine.compile(plan.route.compile())
        draws = [
            plan.weights(
                plan.route.read_counts(executable.run(shots, seed).counts, shots).value / plan.system.scale
            )
            for seed in range(200)
        ]
        scatter = np.sqrt(np.mean([np.sum((draw - exact) ** 2) for draw in draws])) / move
        total = np.sqrt(np.mean([np.sum((draw - truth) ** 2) for draw in draws])) / move
        assert plan.sampling_rms is not None
        expected = plan.sampling_rms / move
        met = total <= largest and abs(expected - scatter) <= 0.2 * scatter
        controls = " | ".join(f"{error:.1e}" for error in errors(plan, case, case.loss, settings)[1:])
        print(
            f"| {shots} | {expected:.2e} | {scatter:.2e} | {total:.2e} | {controls} |"
            f" {'met' if met else 'not met'}: {largest:.0e}, predicted within 20% |",
            flush=True,
        )


def resample(newton: int, count: int = 16) -> np.ndarray:
    """Per draw: error of exact amplitudes, of N = 1, success, its ratio at 100 steps to 10, and the other controls."""
    table = []
    for seed in range(100, 100 + count):
        rng = np.random.default_rng(seed)
        l2 = float(np.exp(rng.uniform(np.log(0.05), np.log(0.2))))
        case = Case(4, l2, rng.integers(0, 569, 569))
        settings = Settings(steps=10, newton_steps=newton, budget=0.9, solver="marching")
        case.start = case.start * (1.0 + 0.3 * rng.normal(size=case.start.size))
        try:
            plan = plan_window(case.loss, case.start, settings)
            longer = plan_window(case.loss, case.start, replace(settings, steps=100))
        except QgdError as error:
            print(f"seed {seed}: {error}", file=sys.stderr)
            continue
        exact, affine, *others = errors(plan, case, case.loss, settings)
        accepted = plan.route.emulate().accepted
        table.append((exact, affine, accepted, longer.route.emulate().accepted / accepted, *others))
    return np.array(table)


def bootstraps() -> None:
    """Sixteen windows of resampled data, L2 drawn from .05 to .2 and the start within 30%, the settings fixed."""
    print(
        "| Newton steps | planned | error, median | max | N = 1, median | max | model, classical, median | centre alone |"
        f" Newton only | success, median | least p(100)/p(10) | held to |\n|{'---|' * 12}"
    )
    for newton, median, largest in ((2, 2e-3, 8e-3), (1, 4e-3, 1.5e-2)):
        found = resample(newton)
        middle, worst = np.median(found, axis=0), found.max(axis=0)
        ratio = found[:, 3].min()
        met = (
            len(found) == 16
            and middle[0] <= median
            and worst[0] <= largest
            and middle[0] <= middle[1] / 4
            and (newton == 1 or ratio >= 0.95)
        )
        held = f"median {median:.0e}, max {largest:.1e}, median a quarter of N = 1"
        print(
            f"| {newton} | {len(found)} of 16 | {middle[0]:.1e} | {worst[0]:.1e} | {middle[1]:.1e} | {worst[1]:.1e} |"
            f" {' | '.join(f'{value:.1e}' for value in middle[4:])} | {middle[2]:.2f} | {ratio:.3f} |"
            f" {'met' if met else 'not met'}: {held}{', p(100)/p(10) .95' if newton == 2 else ''} |",
            flush=True,
        )


SECTIONS: tuple[Callable[[], None], ...] = (windows, sampled, bootstraps)

if __name__ == "__main__":
    for section in SECTIONS:
        if section.__name__ in (sys.argv[1:] or [one.__name__ for one in SECTIONS]):
            print(f"\n## {section.__name__}\n{section.__doc__}\n")
            section()
