"""The training loop: dense fit, prune, then quantum windows, each measured against classical descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from qgd_core.arrays import RealArray
from qgd_core.config import Config
from qgd_core.learn.centre import find_centre
from qgd_core.learn.closure import ClosureLoss
from qgd_core.learn.descent import descend
from qgd_core.learn.minibatch import BatchLosses, Schedule
from qgd_core.learn.optimizer import QuantumGradientDescent
from qgd_core.learn.problem import Problem, build_problem, fit_dense, prune_weights
from qgd_core.learn.record import Record, record_window
from qgd_core.learn.schedules import make_schedule
from qgd_core.learn.step_losses import StepLosses, as_steps

OnWindow = Callable[[Record, Record], None]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainingResult:
    """The closing record of a run: loss and accuracy pruned, after classical and after quantum descent."""

    summary: Record


class SparseTrainer:
    """A pruned model with its optimizer and the classical runs it is compared with.

    Arguments: config; state, what `checkpoint` returned after the last finished window, or None.
    Result: `run_window` trains one window and returns its record.
    Raises: as build_problem, fit_dense and QuantumGradientDescent.
    Source: arXiv:2303.03428, "Training scheme": dense fit, one-shot magnitude pruning, sparse windows.
    """

    def __init__(self, config: Config, state: Record | None = None) -> None:
        self.config = config
        self.problem: Problem = build_problem(config)
        fit_dense(self.problem)
        self.active = prune_weights(self.problem, config.prune.keep)
        windows, rule = config.windows, config.train
        self.minibatches = None
        if rule.batch_size is not None:
            self.minibatches = Schedule(len(self.problem.data.x_train), rule.batch_size, config.seed)
        self.optimizer = QuantumGradientDescent(
            self.problem.model.named_parameters(),
            windows.learning_rate,
            active=self.active,
            steps=windows.steps,
            order=windows.order,
            newton_steps=windows.newton_steps,
            budget=config.accuracy.budget,
            shots=config.accuracy.shots,
            solver=windows.solver,
            limits=windows.admissible.model_dump(),
            momentum=rule.momentum,
            nesterov=rule.nesterov,
            weight_decay=rule.weight_decay,
            preconditioner=rule.preconditioner,
            recentre=rule.recentre,
            schedule=make_schedule(rule.schedule, windows.count * windows.steps, rule.decay),
            backend=config.backend,
            backend_options=config.backend_options,
            seed=config.seed,
        )
        self.loss: ClosureLoss = self.optimizer.loss(self.problem.closure)
        start = self.loss.read()
        # Three runs side by side: quantum (the model itself), classical descent, and Newton steps alone.
        self.classical: RealArray = start
        self.classical_velocity: RealArray = np.zeros_like(start)
        self.newton: RealArray = start
        self.pruned = self._score(start)
        if state is not None:
            self.loss.write(np.array(state["quantum"]))
            self.classical, self.newton = np.array(state["classical"]), np.array(state["newton"])
            self.classical_velocity = np.array(state["classical_velocity"])
            self.optimizer.write_velocity(np.array(state["velocity"]))
            self.optimizer.param_groups[0]["windows"] = state["windows"]

    @property
    def finished(self) -> int:
        """Windows trained so far."""
        return int(self.optimizer.param_groups[0]["windows"])

    def run_window(self) -> Record:
        """Train one window on the quantum route, and its rivals beside it; return the record."""
        windows, rule = self.config.windows, self.config.train
        first, settings = self.finished * windows.steps, self.optimizer.settings()
        losses = self._losses(first)
        before = self.problem.score()
        self.optimizer.step(losses)
        done = self.optimizer.window
        assert done is not None
        rival = descend(losses, self.classical, settings, self.classical_velocity)
        whole = as_steps(self.loss, rule.weight_decay)
        self.newton = find_centre(whole, self.newton, max(1, windows.newton_steps)).point
        record = record_window(done, self.newton)
        path, self.classical, self.classical_velocity = rival.path, rival.end, rival.velocity
        rivals = [self._score(point) for point in path]
        after = self.problem.score()
        between = [None] * (windows.steps - 1)
        return {
            "window": self.finished,
            **record,
            **{
                key: {
                    "quantum": after[key],
                    "classical": rivals[-1][key],
                    "newton_only": self._score(self.newton)[key],
                }
                for key in ("loss", "accuracy")
            },
            "trajectory": {
                "steps": list(range(first, first + windows.steps + 1)),
                **{f"{key}_classical": [score[key] for score in rivals] for key in ("loss", "accuracy")},
                **{f"{key}_quantum": [before[key], *between, after[key]] for key in ("loss", "accuracy")},
            },
            "weights": {"quantum": done.end.tolist(), "classical": self.classical.tolist()},
        }

    def checkpoint(self) -> Record:
        """Everything a later run needs to go on after the last finished window, as plain numbers."""
        return {
            "windows": self.finished,
            "quantum": self.loss.read().tolist(),
            "velocity": self.optimizer.read_velocity().tolist(),
            "classical": self.classical.tolist(),
            "classical_velocity": self.classical_velocity.tolist(),
            "newton": self.newton.tolist(),
        }

    def summary(self) -> Record:
        """Loss and accuracy: pruned, after classical descent, after quantum descent, and after Newton alone."""
        return {
            "pruned": self.pruned,
            "classical": self._score(self.classical),
            "quantum": self.problem.score(),
            "newton_only": self._score(self.newton),
        }

    def _losses(self, first: int) -> StepLosses:
        """The losses of the steps from number `first` on: all data, or a minibatch each."""
        if self.minibatches is None:
            return as_steps(self.loss)
        problem, steps = self.problem, self.config.windows.steps
        batches = self.minibatches.batches(problem.data.train, first, steps)
        return BatchLosses(problem.model, problem.objective, batches, self.active)

    def _score(self, weights: RealArray) -> dict[str, float]:
        """Score a point and give the model its own weights back."""
        current = self.loss.read()
        self.loss.write(weights)
        try:
            return self.problem.score()
        finally:
            self.loss.write(current)


def train(
    config: Config,
    *,
    on_window: OnWindow = lambda record, state: None,
    on_progress: OnProgress = lambda stage, done, total: None,
    start: Record | None = None,
) -> TrainingResult:
    """Train what a configuration describes.

    Arguments: config; on_window, called after each window with its record and the state to resume from;
    on_progress, called with (stage, done, total); start, a state to resume from.
    Result: the closing record. The same configuration, whether resumed or not, gives the same result.
    Raises: ConfigError and NotDissipative before the first window; QgdError from a window that cannot run.
    Source: as SparseTrainer.
    """
    total = config.windows.count
    torch.set_num_threads(1)
    on_progress("dense fit, then pruning", 0, total)
    trainer = SparseTrainer(config, start)
    while trainer.finished < total:
        on_progress(f"window {trainer.finished + 1} of {total}", trainer.finished, total)
        on_window(trainer.run_window(), trainer.checkpoint())
    on_progress("done", total, total)
    return TrainingResult(trainer.summary())
