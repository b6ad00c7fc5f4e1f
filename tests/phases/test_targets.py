"""Targets against the functions themselves, off the grids they were made on."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy import special

from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.phases import targets
from qgd_core.phases.chebyshev import Chebyshev, approximate, interpolate
from qgd_core.phases.minimax import fit
from qgd_core.phases.targets import cosine, decay, evolution, inverse, kernel_filter, sign, sine, window

X = np.linspace(-1, 1, 4001)
GAP = 0.1
OUTSIDE = X[np.abs(X) >= GAP]
SMOOTH = {
    "evolution": (evolution(30.0, 1e-9), X, np.exp(-30j * X)),
    "cosine": (cosine(30.0, 1e-9), X, np.cos(30 * X)),
    "sine": (sine(30.0, 1e-9), X, np.sin(30 * X)),
    "decay": (decay(40.0, 1e-9), X, np.exp(-40 * (1 - X))),
    "sign": (sign(GAP, 1e-6), OUTSIDE, np.sign(OUTSIDE)),
    "inverse": (inverse(10.0, 1e-6), OUTSIDE, 1 / OUTSIDE),
    "filter": (kernel_filter(GAP, 1e-6), OUTSIDE, 0 * OUTSIDE),
}


@pytest.mark.parametrize(("target", "x", "wanted"), SMOOTH.values(), ids=SMOOTH)
def test_error_stays_below_the_declared_one(target, x, wanted):
    assert np.abs(target.polynomial(x) - wanted).max() <= target.error * (1 + 1e-6)


def test_window():
    target = window(0.5, 0.05, 1e-6)
    inner, outer = X[np.abs(X) <= 0.45], X[np.abs(X) >= 0.55]
    assert np.abs(target.polynomial(inner) - 1).max() <= 1e-6
    assert np.abs(target.polynomial(outer)).max() <= 1e-6
    assert target.polynomial.parity == 0


@pytest.mark.parametrize(("kappa", "eps"), [(1.01, 1e-3), (3.0, 1e-2), (50.0, 1e-4), (1e3, 1e-8)])
def test_the_inverse_is_the_best_odd_polynomial(kappa, eps):
    """It reaches its error with alternating signs degree + 1 times per interval: nothing of its degree is better."""
    target = inverse(kappa, eps)
    assert target.error <= eps
    degree = target.polynomial.degree
    assert target.polynomial.parity == 1
    if degree > 2000:
        x = np.geomspace(1 / kappa, 1, 200)
        assert np.abs(target.polynomial(x) * x - 1).max() <= eps * 1.01
        return
    x = np.sqrt((1 + kappa**-2) / 2 + (1 - kappa**-2) / 2 * np.cos(np.linspace(0, np.pi, 40 * degree + 1)))
    error = target.polynomial(x) - 1 / x
    assert abs(np.abs(error).max() / target.error - 1) < 1e-2
    high = np.sign(error[np.abs(error) > 0.9 * target.error])
    # The odd polynomials of this degree have (degree + 1) / 2 free coefficients.
    assert np.count_nonzero(np.diff(high)) >= (degree + 1) // 2


def test_the_filter_is_one_at_zero():
    target = kernel_filter(0.02, 1e-8)
    assert abs(target.polynomial(0.0) - 1) < 1e-12
    assert target.polynomial.parity == 0


def test_scaling_sets_the_peak():
    target = inverse(20.0, 1e-3)
    scaled = target.scaled(0.9)
    x = np.linspace(0.05, 1, 50)
    np.testing.assert_allclose(scaled.polynomial(x) / scaled.factor, target.polynomial(x), rtol=0, atol=1e-11)
    dense = np.abs(scaled.polynomial(np.linspace(-1, 1, 20001))).max()
    assert dense <= 0.9 * 1.005
    assert dense >= 0.89


def test_a_minimax_fit_finds_the_best_inverse_where_the_bound_is_loose():
    best = inverse(5.0, 0.02).scaled(0.8)
    degree, scale = best.polynomial.degree, best.factor
    found = fit(lambda x: scale / x, degree, [(-1, -0.2), (0.2, 1)], parity=1, bound=0.9)
    assert abs(found.error / (scale * best.error) - 1) < 0.02


def test_a_minimax_fit_respects_its_bound():
    found = fit(lambda x: 0.175 / x, 21, [(-1, -0.2), (0.2, 1)], parity=1, bound=0.9)
    assert np.abs(found.polynomial(X)).max() <= 0.9


def test_interpolation_is_exact_for_polynomials():
    c = np.random.default_rng(1).standard_normal(12)
    found = interpolate(lambda x: chebyshev.chebval(x, c), 11).coefficients
    np.testing.assert_allclose(found, c, rtol=0, atol=1e-14)


def test_peaks_are_found():
    where, peak = Chebyshev([0.0, 0.0, 0.3, -0.7]).peak()
    assert (abs(where), peak) == pytest.approx((1.0, 1.0), abs=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: inverse(1.0, 1e-2),
        lambda: inverse(10.0, 0.0),
        lambda: inverse(np.nan, 1e-2),
        lambda: decay(-1.0, 1e-3),
        lambda: sign(0.0, 1e-3),
        lambda: kernel_filter(1.0, 1e-3),
        lambda: approximate(np.cos, 0.0),
        lambda: Chebyshev([]),
        lambda: Chebyshev([np.inf]),
        lambda: Chebyshev([1e308, 1e308]),
        lambda: Chebyshev(["a"]),
        lambda: evolution(np.nan, 1e-3),
        lambda: cosine(np.inf, 1e-3),
        lambda: fit(np.cos, -1, [(-1, 1)]),
        lambda: fit(np.cos, 3, [(0.5, 1.5)]),
        lambda: fit(np.cos, 3, []),
        lambda: fit(lambda x: x * np.nan, 3, [(-1, 1)]),
        lambda: fit(np.cos, 3, [(-1, 1)], bound=-1.0),
        lambda: fit(np.cos, 3, [(-1, 1)], bound=np.nan),
        lambda: interpolate(np.exp, -1),
        lambda: approximate(lambda x: x * np.nan, 1e-3),
        lambda: inverse(np.inf, 0.1),
        lambda: inverse(3.0, 0.1).scaled(0.0),
        lambda: inverse(3.0, 0.1).scaled(np.nan),
        lambda: sign(0.1, 3.0),
        lambda: window(0.5, 0.1, 1.5),
        lambda: kernel_filter(0.1, 2.0),
        lambda: decay(np.inf, 0.1),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ConfigError):
        call()


def test_a_rough_function_is_refused(monkeypatch):
    monkeypatch.setattr("qgd_core.phases.chebyshev._MOST_POINTS", 2**12)
    with pytest.raises(PrecisionUnreachable):
        approximate(np.sign, 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_peaks_lie_between_samples(seed):
    polynomial = Chebyshev(np.random.default_rng(seed).standard_normal(40))
    x = np.cos(np.linspace(0, np.pi, 400_001))
    where, peak = polynomial.peak()
    assert abs(peak - np.abs(polynomial(x)).max()) < 2e-5 * peak
    assert abs(np.abs(polynomial(where)) - peak) < 2e-5 * peak


@pytest.mark.parametrize("call", [lambda: inverse(1e15, 1e-2), lambda: kernel_filter(1e-12, 1e-3)])
def test_a_degree_past_memory_is_refused(call):
    with pytest.raises(PrecisionUnreachable, match="needs degree") as caught:
        call()
    assert caught.value.value > 2**27


@pytest.mark.parametrize("degree", [64, 96, 128, 4096])
def test_what_every_grid_takes_for_a_constant_is_seen(degree):
    """Chebyshev points of 32, 64, ... see T_128 as 1 everywhere."""
    found = approximate(lambda x: np.cos(degree * np.arccos(x)), 1e-6)
    assert found.degree == degree
    assert abs(found(0.3) - np.cos(degree * np.arccos(0.3))) < 1e-6


@pytest.mark.parametrize("t", [0.0, 1.0, 1e3, 1e6])
def test_a_narrow_decay_is_not_taken_for_zero(t):
    target = decay(t, 1e-9)
    x = np.append(1.0 - np.geomspace(1e-12, 2.0, 60), 1.0)
    assert np.abs(target.polynomial(x) - np.exp(-t * (1.0 - x))).max() <= 1e-9


def test_a_narrow_window_is_not_taken_for_zero():
    target = window(1e-3, 1e-4, 1e-4)
    assert np.abs(target.polynomial(np.array([0.0, 8e-4, -9e-4])) - 1.0).max() <= 1e-4
    assert np.abs(target.polynomial(np.array([1.1e-3, 0.5, -1.0]))).max() <= 1e-4


@pytest.mark.parametrize("t", [-7.0, 1e4])
def test_long_evolutions_keep_their_error(t):
    x = np.random.default_rng(0).uniform(-1, 1, 20)
    for make, function in ((evolution, lambda x: np.exp(-1j * t * x)), (cosine, lambda x: np.cos(t * x))):
        target = make(t, 1e-10)
        assert np.abs(target.polynomial(x) - function(x)).max() <= 1e-10


@pytest.mark.parametrize(
    "call",
    [
        lambda: inverse(10.0, 1e-14),
        lambda: inverse(1e4, 1e-12),
        lambda: kernel_filter(1e-3, 1e-15),
        lambda: evolution(1e4, 1e-13),
        lambda: cosine(30.0, 1e-16),
        lambda: decay(40.0, 1e-17),
        lambda: approximate(np.cos, 1e-18),
    ],
)
def test_an_error_below_rounding_is_refused_and_a_reachable_one_named(call):
    with pytest.raises(PrecisionUnreachable) as caught:
        call()
    assert 0.0 < caught.value.value < 1e-9


def test_a_function_of_another_parity_is_refused():
    for function, parity in ((np.exp, 0), (np.exp, 1), (np.cos, 1)):
        with pytest.raises(ConfigError, match=r"not (even|odd)"):
            approximate(function, 1e-6, parity=parity)


def test_rounding_is_part_of_the_declared_error(monkeypatch):
    kept = targets._inverse_rest
    monkeypatch.setattr(targets, "_inverse_rest", lambda x, *given: kept(x, *given) + 1e-4 * np.sign(x - 0.5))
    with pytest.raises(PrecisionUnreachable, match="Rounding"):
        inverse(10.0, 1e-6)


def test_a_wrong_series_is_refused(monkeypatch):
    monkeypatch.setattr(targets, "jv", lambda k, t: special.jv(k, t) * np.where(k == 3, -1.0, 1.0))
    for make in (evolution, sine):
        with pytest.raises(PrecisionUnreachable):
            make(5.0, 1e-6)
