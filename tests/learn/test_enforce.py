import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.enforce import adopt, enforce

OPTIMIZERS = {
    "momentum": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.1),
    "adam": lambda weights: torch.optim.Adam(weights, lr=1e-2, amsgrad=True),
    "rmsprop": lambda weights: torch.optim.RMSprop(weights, lr=1e-2, momentum=0.9),
}


def make_model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
    masks = {
        name: torch.rand(weight.shape) < 0.5 for name, weight in model.named_parameters() if weight.ndim > 1
    }
    with torch.no_grad():
        model[0].weight.mul_(masks["0.weight"])
    return model, ActiveSet.from_masks(model, masks)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_leave_pruned_and_frozen_weights_alone(name):
    model, active = make_model()
    before = copy.deepcopy(model.state_dict())
    optimizer = OPTIMIZERS[name](model.parameters())
    generator = torch.Generator().manual_seed(1)

    def step():
        optimizer.zero_grad()
        inputs = torch.randn(8, 6, generator=generator)
        model(inputs).square().mean().backward()
        optimizer.step()

    step()  # the state is dirty before the hook is set
    model.load_state_dict(before)
    handle = enforce(optimizer, model, active)
    for _ in range(5):
        step()
    masks = active.masks()
    for parameter, weight in model.named_parameters():
        outside = ~masks.get(parameter, torch.zeros(weight.shape, dtype=torch.bool))
        assert torch.equal(weight[outside], before[parameter][outside])
        assert not outside.all() or parameter.endswith("bias")
        moments = [value for value in optimizer.state[weight].values() if value.shape == weight.shape]
        assert moments
        assert all((value[outside] == 0).all() for value in moments)
    assert not torch.equal(model[0].weight, before["0.weight"])
    handle.remove()
    step()
    assert (model[0].weight[~masks["0.weight"]] != 0).any()


def test_masks_of_torch_prune_are_adopted():
    model, _ = make_model()
    torch_prune.global_unstructured(
        [(model[0], "weight"), (model[2], "weight")], torch_prune.L1Unstructured, amount=0.5
    )
    expected = {"0.weight": model[0].weight_mask.bool(), "2.weight": model[2].weight_mask.bool()}
    outputs = model(torch.ones(1, 6))
    active = adopt(model)
    assert set(dict(model.named_parameters())) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert all(torch.equal(active.masks()[name], mask) for name, mask in expected.items())
    assert active.masks()["0.bias"].all()
    torch.testing.assert_close(model(torch.ones(1, 6)), outputs, rtol=0, atol=0)
    copy.deepcopy(model)


@pytest.mark.filterwarnings("ignore")
def test_masks_of_torch_ao_are_adopted():
    from torch.ao.pruning import WeightNormSparsifier

    model, _ = make_model()
    sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    mask = model[0].parametrizations.weight[0].mask.bool()
    active = adopt(model)
    assert not mask.all()
    assert torch.equal(active.masks()["0.weight"], mask)
    assert torch.equal(model[0].weight != 0, mask & (model[0].weight != 0))


def test_adopting_an_unpruned_model_is_refused():
    with pytest.raises(ConfigError, match="no pruning mask"):
        adopt(make_model()[0])
