import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.expand import expand
from qgd_core.learn.losses import Objective
from qgd_core.learn.minibatch import BatchLosses, Schedule, expand_batches
from qgd_core.learn.models import logistic, perceptron
from qgd_core.learn.step_losses import as_steps


def problem(kind, loss, m=40):
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(m, 3, generator=generator, dtype=torch.float64)
    targets = torch.sign(torch.randn(m, generator=generator, dtype=torch.float64))
    model = logistic(3) if kind == "logistic" else perceptron([3, 2, 1], seed=1)
    active = ActiveSet.from_names(model) if kind == "logistic" else ActiveSet.from_names(model, ["0.weight"])
    return model, Objective(loss, 0.1), (inputs, targets), active


@pytest.mark.parametrize(("kind", "loss"), [("logistic", "logistic"), ("perceptron", "squares")])
def test_the_fields_of_all_minibatches_are_those_of_each_alone(kind, loss):
    model, objective, data, active = problem(kind, loss)
    batches = Schedule(40, 12, seed=2).batches(data, 1, 4)
    centre = np.linspace(-0.4, 0.5, len(active))
    fields = expand_batches(model, objective, batches, active, order=2, centre=centre)
    assert len(fields) == 4
    for field, batch in zip(fields, batches, strict=True):
        alone = expand(model, objective, batch, active, order=2, centre=centre)
        np.testing.assert_array_equal(field.centre, centre)
        for k in range(3):
            np.testing.assert_allclose(
                field.coefficient(k).toarray(), alone.coefficient(k).toarray(), rtol=0, atol=1e-13
            )


def test_an_epoch_uses_every_sample_at_most_once_and_seeds_differ():
    schedule = Schedule(20, 6, seed=5)
    epochs = [np.concatenate([schedule.rows(3 * e + i) for i in range(3)]) for e in range(2)]
    for rows in epochs:
        assert len(set(rows.tolist())) == 18
        assert set(rows.tolist()) <= set(range(20))
    assert not np.array_equal(*epochs)
    np.testing.assert_array_equal(Schedule(20, 6, seed=5).rows(4), schedule.rows(4))
    assert not np.array_equal(Schedule(20, 6, seed=6).rows(4), schedule.rows(4))


def test_the_mean_of_the_minibatches_is_the_loss_of_their_union():
    model, objective, data, active = problem("logistic", "logistic", m=36)
    losses = BatchLosses(model, objective, Schedule(36, 12, seed=0).batches(data, 0, 3), active)
    at = np.array([0.2, -0.3, 0.1])
    whole = BatchLosses(model, objective, [data], active)
    for order in (1, 2, 3):
        np.testing.assert_allclose(
            losses.derivative(at, order), whole.derivative(at, order), rtol=0, atol=1e-14
        )
    np.testing.assert_allclose(
        losses.gradient_at_step(1, at), losses.derivatives(at, 1)[1], rtol=0, atol=1e-14
    )


def test_weight_decay_is_a_penalty_more():
    model, objective, data, active = problem("logistic", "logistic")
    batches = Schedule(40, 10, seed=0).batches(data, 0, 2)
    decayed = as_steps(BatchLosses(model, objective, batches, active), 0.7)
    heavier = BatchLosses(model, Objective("logistic", 0.8), batches, active)
    at = np.array([0.2, -0.3, 0.1])
    for order in (1, 2, 3):
        np.testing.assert_allclose(
            decayed.derivatives(at, order), heavier.derivatives(at, order), rtol=0, atol=1e-14
        )
    np.testing.assert_allclose(
        decayed.gradient_at_step(1, at), heavier.gradient_at_step(1, at), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("size", [0, 21])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(ConfigError, match="minibatch"):
        Schedule(20, size)


def test_minibatches_of_different_sizes_and_none_at_all_are_refused():
    model, objective, (inputs, targets), active = problem("logistic", "logistic")
    uneven = [(inputs[:5], targets[:5]), (inputs[5:11], targets[5:11])]
    for batches in ([], uneven):
        with pytest.raises(ConfigError, match="one size"):
            BatchLosses(model, objective, batches, active)
    with pytest.raises(ConfigError, match="order"):
        expand_batches(model, objective, uneven[:1], active, order=0)
