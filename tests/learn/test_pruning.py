import numpy as np
import pytest
import torch
from torch import nn

from qgd_core.errors import ConfigError
from qgd_core.learn.models import perceptron
from qgd_core.learn.pruning import find_dead, prune


def make_batch():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(20, 4, generator=generator, dtype=torch.float64), torch.arange(20) % 2


def test_magnitude_is_ranked_over_all_layers():
    model = perceptron([4, 3, 2])
    weights = torch.cat([model[0].weight.flatten(), model[2].weight.flatten()]).abs()
    threshold = weights.sort(descending=True).values[4]
    active = prune(model, keep=5, names=["0.weight", "2.weight"])
    kept = torch.cat([model[0].weight.flatten(), model[2].weight.flatten()])
    assert int((kept != 0).sum()) == 5
    assert (kept[kept != 0].abs() >= threshold).all()
    assert len(active) == 5 + 3 + 2
    assert active.masks()["0.bias"].all()


def test_density_counts_only_the_pruned_parameters():
    model = perceptron([10, 10, 10])
    assert len(prune(model, density=0.1)) == 20 + 20


@pytest.mark.parametrize("scorer", ["snip", "grasp"])
def test_data_scores_against_a_closed_form(scorer):
    """For L = c.w + w'Dw/2 the gradient is c + Dw and the Hessian D, both by hand."""
    model = nn.Linear(4, 1, bias=False, dtype=torch.float64)
    w, c, d = (np.array(row) for row in ([1.0, -2.0, 0.5, 3.0], [0.1, 2.0, -3.0, 0.2], [1.0, 0.5, 4.0, -0.1]))
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(w[None]))

    def loss(weight, batch):
        vector = weight.weight[0]
        return (torch.from_numpy(c) * vector).sum() + (torch.from_numpy(d) * vector**2).sum() / 2

    from qgd_core.learn.losses import Objective

    slope = c + d * w
    score = np.abs(w * slope) if scorer == "snip" else w * d * slope
    active = prune(model, keep=2, scorer=scorer, loss=Objective(loss, whole=True), batch=())
    assert set(active.indices["weight"].tolist()) == set(np.argsort(-score)[:2].tolist())


def test_ties_and_random_masks():
    model = nn.Linear(6, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2.0, 1.0, 3.0, -1.0, 0.5]]))
    assert prune(model, keep=3).indices["weight"].tolist() == [0, 1, 3]
    chosen = [
        prune(perceptron([9, 9]), keep=20, scorer="random", seed=seed).indices["0.weight"]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(chosen[0], chosen[1])
    assert not torch.equal(chosen[0], chosen[2])


def test_cut_paths_are_found():
    model = perceptron([4, 3, 2])
    with torch.no_grad():
        model[2].weight[:, 1] = 0  # unit 1 leads nowhere
        model[0].weight[2] = 0  # unit 2 is silent
    active = prune(model, density=1.0, names=["0.weight", "2.weight"])
    dead = find_dead(model, active, make_batch()[0])
    masks = {name: torch.zeros(mask.shape, dtype=torch.bool) for name, mask in active.masks().items()}
    masks["0.weight"][1] = True
    masks["2.weight"][:, 2] = masks["0.bias"][1] = True
    np.testing.assert_array_equal(dead, active.flatten(masks).numpy())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keep": 3, "density": 0.1},
        {"keep": 0},
        {"keep": 19},
        {"density": 0.0},
        {"density": 1.5},
        {"keep": 3, "scorer": "nope"},
        {"keep": 3, "scorer": "snip"},
        {"keep": 3, "names": ["nope"]},
    ],
)
def test_bad_input_is_named(options):
    model = perceptron([4, 3, 2])
    before = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ConfigError):
        prune(model, **options)
    assert all(torch.equal(weight, old) for weight, old in zip(model.parameters(), before, strict=True))
