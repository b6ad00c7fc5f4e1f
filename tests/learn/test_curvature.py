import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader, TensorDataset

from qgd_core.errors import ConfigError
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.coordinates import Entries, Folded
from qgd_core.learn.curvature import HessianOperator
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import perceptron
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import ResNet
from qgd_core.learn.sparse_convolution import Pattern

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


def leak_direction(monkeypatch):
    """The direction moves weights outside the active set too."""
    lay = Entries.lay
    monkeypatch.setattr(Entries, "lay", lambda self, values: lay(self, values) + 1e-3)


def leak_mask(monkeypatch):
    """Every tensor's last inactive entry takes the place of its last active one."""

    def shift(self, whole):
        outside = torch.ones(self.like.numel(), dtype=torch.bool).index_fill(0, self.index, False)
        index = self.index.clone()
        index[-1] = outside.nonzero()[-1]
        return whole.reshape(-1)[index]

    monkeypatch.setattr(
        Entries, "read", lambda self, whole: whole if self.index is None else shift(self, whole)
    )


def turn_sign(monkeypatch):
    """The second-order part of a folded norm has the wrong sign."""
    collect = Folded.collect

    def turned(self, *given):
        self.slope.neg_()
        collect(self, *given)

    monkeypatch.setattr(Folded, "collect", turned)


def turn_product(monkeypatch):
    """Every product has the wrong sign."""
    call = HessianOperator.__call__
    monkeypatch.setattr(HessianOperator, "__call__", lambda self, vector: -call(self, vector))


@pytest.mark.parametrize("fault", [None, leak_direction, leak_mask, turn_sign, turn_product])
def test_planted_faults_are_seen_against_autograd(fault, monkeypatch):
    model, inputs, labels = build("basic")
    active = prune(model, density=0.3)
    if fault:
        fault(monkeypatch)
    operator = HessianOperator(model, "cross_entropy", (inputs, labels), active)
    vector = torch.randn(len(active), generator=RANDOM, dtype=torch.float64)
    placed = active.scatter(vector)
    direction = [placed[key] for key, _ in model.named_parameters()]
    exact = active.flatten(plain_product(model, Objective("cross_entropy"), (inputs, labels), direction))
    error = float((operator(vector) - exact).norm() / exact.norm())
    assert error > 1e-4 if fault else error < 1e-12


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", ["basic", "bottleneck"])
def test_folded_and_sparse_products_agree_with_plain_double_backward(name, frozen, monkeypatch):
    """Every convolution sparse, norms active in part; with frozen weights outside the active set they stay dense."""
    monkeypatch.setattr(Pattern, "pays", lambda self: len(self.flat) > 0)
    model, inputs, labels = build(name)
    masks = {
        key: torch.rand(weight.shape, generator=RANDOM) < 0.4 for key, weight in model.named_parameters()
    }
    del (
        masks["blocks.1.norms.0.weight"],
        masks["blocks.1.norms.1.bias"],
        masks["blocks.2.convolutions.0.weight"],
    )
    active = ActiveSet.from_masks(model, masks)
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if weight.ndim == 4 and key in masks and not frozen:
                weight *= masks[key]
            nn.init.uniform_(weight, 0.5, 1.5) if weight.ndim == 1 else None
    loss = Objective("cross_entropy")
    batches = [(inputs[:5], labels[:5]), (inputs[5:], labels[5:])]
    operator = HessianOperator(model, loss, batches, active, graph_limit=0)
    for _ in range(2):
        vector = torch.randn(len(active), generator=RANDOM, dtype=torch.float64)
        placed = active.scatter(vector)
        direction = [placed.get(key, torch.zeros_like(weight)) for key, weight in model.named_parameters()]
        exact = active.flatten(plain_product(model, loss, (inputs, labels), direction))
        torch.testing.assert_close(operator(vector), exact, rtol=0, atol=1e-12 * float(exact.abs().max()))
    folded = [unit for unit in operator._units if isinstance(unit, Folded)]
    assert len(folded) == sum(isinstance(module, nn.Conv2d) for module in model.modules())
    assert sum(unit.sparse for unit in folded) == (0 if frozen else len(folded) - 1)


class Shared(nn.Module):
    """A convolution read by a batch norm and once more: its output, its weight, or the norm's weight."""

    def __init__(self, also):
        super().__init__()
        self.also = also
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, inputs):
        values = self.conv(inputs)
        normed = torch.tanh(self.norm(values))
        extra = {
            "nothing": lambda: 0.0,
            "output": values.square,
            "weight": lambda: self.conv.weight.square().sum(),
            "convolution": lambda: self.conv(inputs.square()),
            "scale": lambda: self.norm.weight.square().sum(),
            "statistics": lambda: self.norm.running_mean.sum() * normed.square(),
        }[self.also]()
        return self.head((normed + extra).mean(dim=(2, 3)))


@pytest.mark.parametrize("also", ["nothing", "output", "weight", "convolution", "scale", "statistics"])
def test_only_what_nothing_else_reads_is_folded(also):
    torch.manual_seed(2)
    model = Shared(also).double()
    nn.init.uniform_(model.norm.running_mean)
    nn.init.uniform_(model.norm.weight, 0.5, 2.0)
    inputs, labels = torch.randn(6, 3, 5, 5).double(), torch.arange(6) % 3
    operator = HessianOperator(model, "cross_entropy", (inputs, labels))
    vector = torch.randn(len(operator), generator=RANDOM, dtype=torch.float64)
    direction = list(operator.active.scatter(vector).values())
    exact = plain_product(model, Objective("cross_entropy"), (inputs, labels), direction)
    torch.testing.assert_close(operator(vector), operator.active.flatten(exact), rtol=0, atol=1e-11)
    assert any(isinstance(unit, Folded) for unit in operator._units) == (also == "nothing")


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


def model_of(function):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 6)
            self.last = nn.Linear(6, 3)

        def forward(self, inputs):
            return self.last(function(self.first(inputs)))

    return Model()


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
