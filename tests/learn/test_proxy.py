import numpy as np
import pytest
import torch
from scipy.integrate import quad

from qgd_core.errors import ConfigError
from qgd_core.learn.lanczos import Quadrature
from qgd_core.learn.proxy import admissible_stretch, error_proxy, exact_proxy, proxy_sensitivity
from qgd_core.learn.spectrum import Spectrum


def bell(x):
    return np.exp(-((x - 0.5) ** 2))


def test_proxy_is_the_integral_of_the_paper():
    grid = np.linspace(-3, 4, 20001)
    steps = np.array([0, 1, 7.5, 60])
    found = error_proxy(grid, 17 * bell(grid), 0.05, steps, cutoff=0.4)

    def integral(t):
        def grow(x):
            return bell(x) * abs((1 - 0.05 * x) ** t)

        return quad(grow, -3, -0.4)[0] + quad(grow, 0.4, 4)[0]

    np.testing.assert_allclose(found, [integral(t) / integral(0) for t in steps], rtol=0, atol=1e-7)
    assert found[0] == pytest.approx(1, abs=1e-14)
    assert error_proxy(grid, bell(grid), 0.05, np.ones((2, 3))).shape == (2, 3)
    assert error_proxy(grid, bell(grid), 0.05, 3).shape == ()


def test_negative_modes_grow_and_positive_ones_shrink():
    """A planted sign error, a = +eta lambda, would turn these round."""
    negative, positive = np.linspace(-2, -1, 50), np.linspace(1, 2, 50)
    assert error_proxy(negative, np.ones(50), 0.1, 10) > 1.1**10
    assert error_proxy(positive, np.ones(50), 0.1, 10) < 0.9**10


def test_cutoff_is_cut_exactly_and_the_exact_proxy_has_none():
    coarse, fine = np.linspace(-1, 1, 7), np.linspace(-1, 1, 4001)
    t = np.array([5.0, 20.0])
    values = [error_proxy(grid, np.ones(len(grid)), 0.02, t, cutoff=0.35) for grid in (coarse, fine)]
    np.testing.assert_allclose(values[0], values[1], rtol=0, atol=5e-3)
    modes = np.array([-0.3, 0.0, 0.1, 2.0])
    expected = np.mean(np.abs(1 - 0.1 * modes) ** 12)
    assert exact_proxy(modes, np.ones(4), 0.1, 12) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("momentum", [0.3, 0.9])
def test_momentum_is_that_of_torch(momentum):
    """Each mode is one weight of L = sum(lambda w^2) / 2 trained by torch's SGD."""
    modes = torch.tensor([-0.5, 0.1, 1.0, 3.0], dtype=torch.float64)
    weights = torch.ones(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.2, momentum=momentum)
    trace = [1.0]
    for _ in range(15):
        optimizer.zero_grad()
        (modes * weights.square() / 2).sum().backward()
        optimizer.step()
        trace.append(float(weights.detach().abs().mean()))
    found = exact_proxy(modes.numpy(), np.ones(4), 0.2, np.arange(16), momentum)
    np.testing.assert_allclose(found, trace, rtol=0, atol=1e-12)


def test_stretch_of_two_modes():
    """One mode decays and one grows: below 1 from the first step, back at 1 where quad says."""
    t = np.arange(0, 400)
    proxy = exact_proxy([2.0, -0.2], [1.0, 1.0], 0.05, t)
    stretch = admissible_stretch(t, proxy)
    from scipy.optimize import brentq

    crossing = brentq(lambda s: (0.9**s + 1.01**s) / 2 - 1, 5, 300)
    assert stretch.start == 0
    assert stretch.end == pytest.approx(crossing, abs=0.1)
    assert stretch.window == np.floor(crossing)
    assert stretch.lowest == proxy.min()
    assert stretch.best == t[proxy.argmin()]


def test_stretch_that_never_opens_or_never_ends():
    t = np.arange(50)
    assert admissible_stretch(t, exact_proxy([-1.0], [1.0], 0.1, t)).window == 0
    assert admissible_stretch(t, exact_proxy([1.0], [1.0], 0.1, t)).window == np.inf


def test_sensitivity_falls_with_the_learning_rate():
    nodes = np.array([-0.5, -0.1, 0.2, 3.0])
    probes = tuple(Quadrature(nodes + shift, np.full(4, 0.25), np.zeros(4)) for shift in (0.0, 0.05))
    rows = proxy_sensitivity(Spectrum(probes, 100), 0.02, cutoffs=(0.4, 100.0))
    assert {row["cutoff"] for row in rows} == {None, 0.4}
    windows = {(row["cutoff"], row["eta"], row["momentum"]): row["window"] for row in rows}
    assert windows[0.4, 0.01, 0.0] > windows[0.4, 0.02, 0.0] > windows[0.4, 0.04, 0.0]
    assert windows[0.4, 0.02, 0.9] < windows[0.4, 0.02, 0.0]
    assert all(row["window_min"] <= row["window_max"] for row in rows)


@pytest.mark.parametrize(
    "change",
    [
        {"eigenvalues": [1.0, 0.5, 2.0]},
        {"density": [1.0, 1.0]},
        {"eta": 0.0},
        {"t": [-1]},
        {"cutoff": -0.1},
        {"cutoff": 5.0},
        {"momentum": 1.0},
        {"momentum": 0.5, "t": [0.5]},
        {"density": [0.0, 0.0, 0.0]},
        {"density": [np.nan, 1.0, 1.0]},
    ],
)
def test_bad_input_is_named(change):
    good = {"eigenvalues": [0.5, 1.0, 2.0], "density": [1.0, 1.0, 1.0], "eta": 0.1, "t": [1]}
    with pytest.raises(ConfigError):
        error_proxy(**(good | change))
