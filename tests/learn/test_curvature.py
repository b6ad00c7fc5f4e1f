import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, TensorDataset

from qgd_core.errors import ConfigError, UnsupportedOperation
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.curvature import HessianOperator
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import perceptron
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import ResNet

RANDOM = torch.Generator().manual_seed(0)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, inputs):
        return self.head(self.inner(inputs).mean(dim=1))


def build(name):
    torch.manual_seed(1)
    labels = torch.arange(12) % 3
    if name == "perceptron":
        return perceptron([5, 6, 3]), torch.randn(12, 5).double(), labels
    if name == "attention":
        return Attention().double(), torch.randn(12, 4, 8).double(), labels
    model = ResNet(8, 1, name, classes=3).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model, torch.randn(12, 3, 8, 8).double(), labels


def plain_product(model, loss, batch, direction):
    """H v by torch's double backward on the model itself."""
    was = model.training
    model.eval()
    weights = list(model.parameters())
    with sdpa_kernel(SDPBackend.MATH):
        slopes = torch.autograd.grad(loss(model, batch), weights, create_graph=True)
    inner = sum((slope * part).sum() for slope, part in zip(slopes, direction, strict=True))
    products = torch.autograd.grad(inner, weights)
    model.train(was)
    return dict(zip(dict(model.named_parameters()), products, strict=True))


@pytest.mark.parametrize("graph_limit", [0.0, 2e6, 4e9])
@pytest.mark.parametrize("name", ["perceptron", "attention", "basic", "bottleneck"])
def test_products_agree_with_plain_double_backward(name, graph_limit):
    model, inputs, labels = build(name)
    active = prune(model, density=0.3)
    loss = Objective("cross_entropy", l2=0.2)
    batches = [(inputs[:5], labels[:5]), (inputs[5:], labels[5:])]
    operator = HessianOperator(model, loss, batches, active, graph_limit=graph_limit)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    for _ in range(2):
        vector = torch.randn(len(active), generator=RANDOM, dtype=torch.float64)
        placed = active.scatter(vector)
        exact = plain_product(
            model, loss, (inputs, labels), [placed[key] for key, _ in model.named_parameters()]
        )
        torch.testing.assert_close(operator(vector), active.flatten(exact), rtol=0, atol=1e-12)
    assert model.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_a_kept_graph_is_used_and_counted():
    model, inputs, labels = build("perceptron")
    batches = [(inputs[:6], labels[:6]), (inputs[6:], labels[6:])]
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    whole = HessianOperator(model, "cross_entropy", batches)
    whole(torch.ones(len(whole), dtype=torch.float64))
    for limit, expected in ((4e9, 2), (0.75 * whole.kept_bytes, 4), (0, 6)):
        operator = HessianOperator(model, "cross_entropy", batches, graph_limit=limit)
        calls.clear()
        for _ in range(3):
            operator(torch.ones(len(operator), dtype=torch.float64))
        assert len(calls) - 1 == expected, limit  # one more for the check of the loss


def test_float32_and_device_options():
    model, inputs, labels = build("basic")
    operator = HessianOperator(model, "cross_entropy", (inputs, labels))
    narrow = HessianOperator(model, "cross_entropy", (inputs, labels), dtype=torch.float32, device="cpu")
    vector = torch.randn(len(operator), generator=RANDOM, dtype=torch.float64)
    exact, rough = operator(vector), narrow(vector)
    assert rough.dtype == torch.float64
    assert 1e-9 < float((rough - exact).norm() / exact.norm()) < 1e-4


def test_whole_objectives_and_mappings():
    """As a Hugging Face model: a mapping in, its own loss out, tied weights."""

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Embedding(7, 4)
            self.out = nn.Linear(4, 7, bias=False)
            self.out.weight = self.inner.weight

        def forward(self, tokens, labels):
            return functional.cross_entropy(self.out(torch.tanh(self.inner(tokens)).mean(dim=1)), labels)

    model = Tied().double()
    batch = {"tokens": torch.randint(0, 7, (6, 3)), "labels": torch.arange(6)}
    loss = Objective(lambda whole, given: whole(**given), whole=True)
    operator = HessianOperator(model, loss, [batch])
    vector = torch.randn(28, generator=RANDOM, dtype=torch.float64)
    exact = plain_product(model, loss, batch, [vector.reshape(7, 4)])
    torch.testing.assert_close(operator(vector), exact["inner.weight"].flatten(), rtol=0, atol=1e-12)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


def model_of(function):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 6)
            self.last = nn.Linear(6, 3)

        def forward(self, inputs):
            return self.last(function(self.first(inputs)))

    return Model()


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, inputs):
        return self.function(inputs)


def in_place(values):
    raised = values.exp()
    raised += 1
    return raised


def flash(values):
    heads = values.reshape(len(values), 1, 2, 3)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return functional.scaled_dot_product_attention(heads, heads, heads).reshape(len(values), 6)


def l1(output, target):
    return (output - 0.1).abs().mean()


def hinge(output, target):
    return torch.relu(1 - output).mean()


@pytest.mark.parametrize(
    ("function", "loss", "message"),
    [
        (Once.apply, "cross_entropy", "only once"),
        (in_place, "cross_entropy", "in place"),
        (flash, "cross_entropy", "flash_attention"),
        (torch.tanh, l1, "not twice differentiable"),
        (torch.tanh, hinge, "not twice differentiable"),
        (
            lambda values: values.detach(),
            lambda output, target: output.detach().square().mean(),
            "does not depend",
        ),
    ],
)
def test_what_cannot_be_differentiated_twice_is_named(function, loss, message):
    batch = torch.randn(5, 4, generator=RANDOM), torch.arange(5) % 3
    operator = HessianOperator(model_of(function), loss, batch)
    with pytest.raises(UnsupportedOperation, match=message) as caught:
        operator(torch.ones(len(operator), dtype=torch.float64))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("function", "loss"),
    [
        (lambda values: functional.log_softmax(values, dim=1), functional.nll_loss),
        (
            torch.sigmoid,
            lambda output, target: functional.binary_cross_entropy(output, output.detach() * 0 + 0.3),
        ),
        (lambda values: 1e6 * values, functional.cross_entropy),
        (torch.tanh, functional.huber_loss),
    ],
)
def test_smooth_losses_pass_the_check(function, loss):
    """A linear loss of log-probabilities, one with a domain, a saturated one, and one with linear tails."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3)).double()
    model.append(Apply(function))
    inputs = torch.randn(5, 4, generator=RANDOM).double()
    targets = torch.arange(5) % 3
    if loss is functional.huber_loss:
        targets = torch.zeros(5, 3).double()
    operator = HessianOperator(model, loss, (inputs, targets))
    assert torch.isfinite(operator(torch.ones(len(operator), dtype=torch.float64))).all()


def test_smooth_activations_in_place_are_fine():
    model = model_of(nn.ReLU(inplace=True)).double()
    batch = torch.randn(5, 4, generator=RANDOM).double(), torch.arange(5) % 3
    operator = HessianOperator(model, "cross_entropy", batch)
    vector = torch.ones(len(operator), dtype=torch.float64)
    ones = [torch.ones_like(weight) for weight in model.parameters()]
    exact = plain_product(model, Objective("cross_entropy"), batch, ones)
    torch.testing.assert_close(operator(vector), operator.active.flatten(exact), rtol=0, atol=1e-13)


def test_nan_and_bad_data_are_named():
    model, inputs, labels = build("perceptron")
    ones = torch.ones(sum(weight.numel() for weight in model.parameters()), dtype=torch.float64)
    with pytest.raises(ConfigError, match="batch 1 is NaN or infinite, and so are entries of the data"):
        HessianOperator(model, "cross_entropy", [(inputs, labels), (inputs * np.nan, labels)])(ones)
    with torch.no_grad():
        model[2].weight[0, 0] = np.inf
    with pytest.raises(ConfigError, match="weights"):
        HessianOperator(model, "cross_entropy", (inputs, labels))(ones)
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=4, shuffle=True)
    with pytest.raises(ConfigError, match="random order"):
        HessianOperator(model, "cross_entropy", loader)
    with pytest.raises(ConfigError, match="only once"):
        HessianOperator(model, "cross_entropy", iter([(inputs, labels)]))
    with pytest.raises(ConfigError, match="no data"):
        HessianOperator(model, "cross_entropy", [])
    with pytest.raises(ConfigError, match="empty"):
        HessianOperator(model, "cross_entropy", (inputs, labels), ActiveSet({}, {}))
