import io

import numpy as np
import pytest
import torch
from torch import nn

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.models import perceptron


def make_set(model):
    masks = {"0.weight": torch.zeros(3, 4), "2.bias": torch.ones(2)}
    masks["0.weight"][0, 1] = masks["0.weight"][2, 3] = 1
    return ActiveSet.from_masks(model, {name: mask.bool() for name, mask in masks.items()})


def test_gather_and_write_touch_only_the_active_weights():
    model = perceptron([4, 3, 2])
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    active = make_set(model)
    assert len(active) == 4
    weight = before["0.weight"]
    np.testing.assert_array_equal(active.gather(model), [weight[0, 1], weight[2, 3], 0, 0])
    active.write(model, [1, 2, 3, 4])
    np.testing.assert_array_equal(active.gather(model), [1, 2, 3, 4])
    after = dict(model.named_parameters())
    assert after["0.weight"][0, 1] == 1
    assert after["2.bias"][1] == 4
    assert sum(int((after[name] != before[name]).sum()) for name in before) == 4


def test_scatter_is_the_adjoint_of_flatten():
    model = perceptron([4, 3, 2])
    active = make_set(model)
    full = {name: torch.randn(weight.shape, dtype=torch.float64) for name, weight in model.named_parameters()}
    vector = torch.randn(4, dtype=torch.float64)
    placed = active.scatter(vector)
    inner = sum((placed[name] * full[name]).sum() for name in placed)
    torch.testing.assert_close(inner, vector @ active.flatten(full), rtol=0, atol=1e-14)


def test_state_survives_a_file_bit_packed():
    model = perceptron([40, 30, 20])
    generator = torch.Generator().manual_seed(1)
    masks = {
        name: torch.rand(weight.shape, generator=generator) < 0.1 for name, weight in model.named_parameters()
    }
    active = ActiveSet.from_masks(model, masks)
    file = io.BytesIO()
    torch.save(active.state_dict(), file)
    file.seek(0)
    again = ActiveSet.from_state_dict(torch.load(file, weights_only=True))
    assert all(torch.equal(again.indices[name], active.indices[name]) for name in active.indices)
    bits = active.state_dict()["0.weight"]["bits"]
    assert bits.dtype == torch.uint8
    assert len(bits) == 150


def test_pruned_and_frozen_are_told_apart():
    model = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[5.0, 0.0, 7.0, 0.0]]))
    active = ActiveSet.from_masks(model, {"weight": torch.tensor([[True, True, False, False]])})
    assert active.pruned(model)["weight"].tolist() == [[False, False, False, True]]
    assert active.frozen(model)["weight"].tolist() == [[False, False, True, False]]
    assert active.subset([1]).frozen(model)["weight"].tolist() == [[True, False, True, False]]


def test_subset_keeps_order_and_drops_empty_parameters():
    model = perceptron([4, 3, 2])
    chosen = make_set(model).subset([2, 3])
    assert list(chosen.indices) == ["2.bias"]
    assert len(ActiveSet.from_names(model)) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    "call",
    [
        lambda model: ActiveSet.from_names(model, ["nope"]),
        lambda model: ActiveSet.from_masks(model, {"0.weight": torch.ones(3)}),
        lambda model: ActiveSet({"a": torch.tensor([3, 1])}, {"a": (4,)}),
        lambda model: ActiveSet({"a": torch.tensor([4])}, {"a": (4,)}),
        lambda model: make_set(model).write(model, [1.0, 2.0]),
        lambda model: make_set(model).write(model, [1.0, 2.0, float("nan"), 0.0]),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(ConfigError):
        call(perceptron([4, 3, 2]))
