import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import ResNet, resnet32x4, resnet422x4


def count(model):
    return sum(weight.numel() for weight in model.parameters())


def prunable(model):
    """Convolutions and linear weights but the last module, as the paper prunes."""
    return [
        name for name, weight in model.named_parameters() if weight.ndim > 1 and not name.startswith("head")
    ]


def test_seven_million_network_has_the_papers_counts():
    model = resnet32x4()
    assert count(model) == 7_451_044
    assert len(prune(model, density=0.1, names=prunable(model))) == 777_105


def test_hundred_million_network_has_the_papers_counts():
    with torch.device("meta"):
        model = resnet422x4()
    assert count(model) == 103_338_916
    weights = dict(model.named_parameters())
    size = sum(weights[name].numel() for name in prunable(model))
    assert count(model) - size + round(0.1 * size) == 10_768_170


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_shapes_strides_and_seed(block):
    model = ResNet(14, 1, block, classes=7, seed=3)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 7)
    assert model.blocks[-1](torch.randn(1, model.head.in_features, 8, 8)).shape[2:] == (8, 8)
    again = ResNet(14, 1, block, classes=7, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not torch.equal(ResNet(14, 1, block, seed=4).stem.weight, model.stem.weight)


def test_a_block_is_what_the_paper_draws():
    """One basic block with projection, by plain functional calls."""
    from torch.nn import functional

    model = ResNet(8, 1).double().eval()
    block = model.blocks[1]
    x = torch.randn(2, 16, 8, 8, dtype=torch.float64)
    first, second = block.convolutions

    def norm(values, layer):
        return functional.batch_norm(values, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    y = functional.relu(norm(functional.conv2d(x, first.weight, stride=2, padding=1), block.norms[0]))
    y = norm(functional.conv2d(y, second.weight, padding=1), block.norms[1])
    y = y + norm(functional.conv2d(x, block.shortcut[0].weight, stride=2), block.shortcut[1])
    torch.testing.assert_close(block(x), functional.relu(y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"depth": 33}, {"depth": 2}, {"block": "nope"}])
def test_bad_input_is_named(options):
    with pytest.raises(ConfigError):
        ResNet(**options)
