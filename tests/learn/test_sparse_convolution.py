import pytest
import torch
from torch.nn import functional

from qgd_core.learn.sparse_convolution import Pattern, SparseConvolution
from qgd_core.learn.sparse_kernels import installed

pytestmark = pytest.mark.skipif(not installed(), reason="numba is not installed")
RANDOM = torch.Generator().manual_seed(3)


def make(shape, density, dtype=torch.float64):
    mask = torch.rand(shape, generator=RANDOM) < density
    weight = torch.randn(shape, generator=RANDOM, dtype=torch.float64).to(dtype) * mask
    index = mask.flatten().nonzero().flatten()
    return weight, weight.flatten()[index], Pattern(index, shape)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.6])
@pytest.mark.parametrize(
    ("shape", "image"),
    [((5, 3, 3, 3), (7, 4)), ((20, 33, 1, 1), (3, 5)), ((17, 4, 5, 3), (1, 6)), ((16, 16, 3, 3), (8, 8))],
)
def test_pair_is_that_of_the_dense_convolution(shape, image, density, threads):
    weight, values, pattern = make(shape, density)
    outputs, inputs, tall, wide = shape
    x = torch.randn((3, inputs, *image), generator=RANDOM, dtype=torch.float64)
    g = torch.randn((3, outputs, *image), generator=RANDOM, dtype=torch.float64)
    bias = torch.randn(outputs, generator=RANDOM, dtype=torch.float64)
    leaves = [part.clone().requires_grad_() for part in (x, weight, bias)]
    y = functional.conv2d(*leaves, padding=(tall // 2, wide // 2))
    at_x, at_w, at_b = torch.autograd.grad(y, leaves, g)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        pair = SparseConvolution(pattern)
        torch.testing.assert_close(pair.forward(x, values, bias), y.detach(), rtol=0, atol=1e-12)
        found = pair.backward(g, x, values, (True, True, True))
    finally:
        torch.set_num_threads(before)
    index = torch.from_numpy(pattern.flat)
    for part, expected in zip(found, (at_x, at_w.flatten()[index], at_b), strict=True):
        torch.testing.assert_close(part, expected, rtol=0, atol=1e-12)


def test_channels_last_and_float32():
    weight, values, pattern = make((32, 16, 3, 3), 0.1, torch.float32)
    x = torch.randn((2, 16, 8, 8), generator=RANDOM).contiguous(memory_format=torch.channels_last)
    found = SparseConvolution(pattern).forward(x, values)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    exact = functional.conv2d(x.double(), weight.double(), padding=1)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-4)


def test_nan_is_kept():
    _, values, pattern = make((4, 4, 3, 3), 1.0)
    x = torch.ones(1, 4, 4, 4, dtype=torch.float64)
    x[0, 2, 1, 1] = torch.nan
    assert torch.isnan(SparseConvolution(pattern).forward(x, values)).any()


def test_it_pays_where_few_weights_of_many_are_active():
    assert make((64, 64, 3, 3), 0.02)[2].pays()
    assert not make((64, 64, 3, 3), 0.5)[2].pays()
    assert not make((64, 64, 2, 2), 0.02)[2].pays()
    assert not make((8, 8, 1, 1), 0.02)[2].pays()
