import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from qgd_core.errors import UnsupportedOperation
from qgd_core.learn.curvature import HessianOperator

RANDOM = torch.Generator().manual_seed(0)


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
