import itertools

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.carleman.majorant import each
from qgd_core.errors import ConfigError, NotDissipative, PrecisionUnreachable
from qgd_core.learn.window import Settings, plan_window, run_window


class Quartic:
    """A polynomial loss of degree 4: its derivatives are closed forms and its model error is exact at order 3."""

    def __init__(self, n, seed, bend=0.1):
        rng = np.random.default_rng(seed)
        frame = np.linalg.qr(rng.normal(size=(n, n)))[0]
        self.tensors = {
            1: 0.05 * rng.normal(size=n),
            2: frame @ np.diag(rng.uniform(0.1, 0.8, n)) @ frame.T,
            3: bend * symmetric(rng.normal(size=(n,) * 3)),
            4: bend * symmetric(rng.normal(size=(n,) * 4)),
        }
        self.start = rng.uniform(-0.5, 0.5, n)

    def derivative(self, at, order):
        total = np.zeros((len(at),) * order)
        for k, tensor in self.tensors.items():
            if k >= order:
                part = tensor
                for j in range(k - order):
                    part = part @ at / (j + 1)
                total = total + part
        return total


def symmetric(tensor):
    """The mean over all permutations of the axes."""
    turns = list(itertools.permutations(range(tensor.ndim)))
    return sum(np.transpose(tensor, turn) for turn in turns) / len(turns)


def test_the_quartic_knows_its_own_derivatives():
    loss, h = Quartic(3, 0), 1e-5
    at = np.array([0.2, -0.1, 0.4])
    for order, (i, unit) in itertools.product((2, 3), enumerate(np.eye(3))):
        sides = [loss.derivative(at + s * h * unit, order - 1) for s in (1, -1)]
        np.testing.assert_allclose(
            loss.derivative(at, order)[i], (sides[0] - sides[1]) / (2 * h), rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("backend", ["emulator", "reference"])
def test_a_window_keeps_every_share_of_its_budget(backend, descend):
    machine = get_backend(backend)
    loss, settings = Quartic(3, 4), Settings(steps=5, learning_rate=1.0, budget=0.1)
    plan = plan_window(loss, loss.start, settings, machine)
    result = run_window(plan, machine, seed=1)
    truth = descend(loss, settings)
    model = plan.weights(plan.system.classical(plan.start, settings.steps))
    u = plan.start
    for update in each(plan.local.updates, settings.steps):
        u = update(u)
    # The polynomial map of all degrees stands between the true iteration and the truncated one.
    polynomial = plan.weights(u)
    assert 0.0 < np.linalg.norm(polynomial - truth) <= plan.budget.model
    assert 0.0 < np.linalg.norm(model - polynomial) <= plan.budget.truncation
    assert np.linalg.norm(result.exact_weights - model) <= 1e-9
    assert np.linalg.norm(result.weights - model) <= plan.budget.shots
    assert np.linalg.norm(result.weights - truth) <= plan.budget.total
    assert plan.budget.total == pytest.approx(0.1 * plan.move_estimate, rel=0, abs=1e-12)
    assert plan.move_estimate == pytest.approx(np.linalg.norm(truth - loss.start), rel=0.2, abs=0)
    # The sampled weights scatter as their standard errors say.
    assert np.all(np.abs(result.weights - model) <= 5 * result.stderr)


def admissible(make, seeds, settings):
    """Plan windows of seeded losses until all wanted ones are admitted; yields (loss, plan)."""
    for seed in seeds:
        loss = make(2 + seed % 3, seed)
        try:
            yield loss, plan_window(loss, loss.start, settings)
        except (NotDissipative, PrecisionUnreachable):
            continue


@pytest.mark.slow
@pytest.mark.parametrize("polynomial", [True, False])
def test_the_observed_error_is_below_the_budget_in_every_admitted_window(
    polynomial, random_logistic, descend
):
    make = Quartic if polynomial else random_logistic
    settings, machine = Settings(steps=5, budget=0.1), get_backend("reference")
    checked = 0
    for loss, plan in itertools.islice(admissible(make, range(80), settings), 50):
        result = run_window(plan, machine, seed=checked)
        error = np.linalg.norm(result.weights - descend(loss, settings))
        assert error <= plan.budget.total, f"window {checked}: {error} above {plan.budget}"
        checked += 1
    assert checked == 50


def test_a_zero_start_displacement_is_a_window_too(descend):
    loss, settings = Quartic(2, 1), Settings(steps=3, newton_steps=0, budget=0.2)
    plan = plan_window(loss, loss.start, settings)
    assert np.all(plan.start == 0)
    result = run_window(plan, get_backend("reference"), seed=0)
    assert np.linalg.norm(result.weights - descend(loss, settings)) <= plan.budget.total


def test_an_indefinite_problem_is_refused_with_its_eigenvalue():
    loss = Quartic(2, 0)
    loss.tensors[2] = np.diag([0.5, -0.2])
    with pytest.raises(NotDissipative, match="eigenvalue") as caught:
        plan_window(loss, np.zeros(2), Settings())
    assert caught.value.value == pytest.approx(-0.2, abs=0.1)


@pytest.mark.parametrize("limit", ["max_log_norm", "max_power_norm", "max_r_number"])
def test_each_limit_of_the_gate_refuses_and_names_its_number(limit):
    loss = Quartic(2, 0)
    with pytest.raises(NotDissipative, match="not admissible") as caught:
        plan_window(loss, loss.start, Settings(budget=0.2, **{limit: -9.0}))
    assert caught.value.value > -9.0


def test_a_budget_below_the_model_error_says_what_would_do():
    loss = Quartic(2, 0)
    with pytest.raises(PrecisionUnreachable, match="leave nothing") as caught:
        plan_window(loss, loss.start, Settings(budget=1e-6))
    plan_window(loss, loss.start, Settings(budget=1.1 * caught.value.value))


def test_too_few_shots_say_how_many_are_needed():
    loss = Quartic(2, 0)
    with pytest.raises(PrecisionUnreachable, match="10 shots") as caught:
        plan_window(loss, loss.start, Settings(budget=0.1, shots=10))
    plan_window(loss, loss.start, Settings(budget=0.1, shots=int(caught.value.value)))


def test_a_finished_training_is_said_to_be_finished():
    loss = Quartic(2, 0)
    loss.tensors = {2: np.eye(2)}
    with pytest.raises(NotDissipative, match="does not move"):
        plan_window(loss, np.zeros(2), Settings())


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"steps": 1.5},
        {"order": "2"},
        {"learning_rate": "a"},
        {"budget": None},
        {"order": 0},
        {"order": 7},
        {"newton_steps": -1},
        {"learning_rate": 0.0},
        {"budget": 1.5},
        {"shots": 0},
        {"momentum": 1.0},
        {"weight_decay": -0.1},
        {"nesterov": True},
        {"preconditioner": "jacobi"},
        {"schedule": (1.0, 0.5)},
    ],
)
def test_settings_out_of_range_are_named(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Settings(**bad)
