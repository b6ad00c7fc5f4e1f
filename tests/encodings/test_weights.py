"""Weights of least alpha: derivatives by complex steps, the optimum by its dual and by another method."""

import numpy as np
import pytest
from scipy.optimize import minimize

from qgd_core.encodings.weights import CHAIN, PRODUCT, least_alpha


def asked(entries, weights, need):
    """What each column asks for, by its definition."""
    ratios = entries / weights[:, np.newaxis]
    if need is CHAIN:
        return np.sqrt((ratios**2).sum(axis=0))
    return ratios[0] * np.sqrt((1.0 + (ratios[1:] / ratios[0]) ** 2).prod(axis=0))


def least(entries, need):
    with np.errstate(divide="ignore"):
        logs = np.log(entries)
    alpha, weights = least_alpha(lambda: np.array_split(logs, 2, axis=1), need)
    assert abs(np.linalg.norm(weights) - 1) < 1e-12
    return alpha, weights


def drawn(labels, columns, seed, spread=0.0):
    rng = np.random.default_rng(seed)
    return np.abs(rng.standard_normal((labels, columns))) * 10.0 ** rng.uniform(-spread, spread, (labels, 1))


@pytest.mark.parametrize("need", [CHAIN, PRODUCT], ids=["chain", "product"])
def test_slopes_and_bend_are_the_derivatives(need):
    entries, rng = drawn(4, 7, 0), np.random.default_rng(1)
    y, factors = rng.standard_normal(4), rng.random(7)
    np.testing.assert_allclose(np.exp(need.of(np.log(entries), y)), asked(entries, np.exp(y), need), 1e-14)

    def slopes(y):
        return np.array(
            [np.log(asked(entries, np.exp(y + 1e-30j * e), need)).imag / 1e-30 for e in np.eye(4)]
        )

    found = need.slopes(np.log(entries), y)
    np.testing.assert_allclose(found, slopes(y), rtol=0, atol=1e-13)
    h = 1e-4
    bend = [(slopes(y + h * e) - slopes(y - h * e)) @ factors / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(need.bend(found, factors), bend, rtol=0, atol=1e-6)


@pytest.mark.parametrize("need", [CHAIN, PRODUCT], ids=["chain", "product"])
def test_columns_with_gaps_bend_as_those_with_minute_entries(need):
    """A column without its first entry asks for the other alone; one of nothing asks for nothing."""
    entries = np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.7, 0.0]])
    y, tiny = np.array([0.1, -0.2, 0.4]), np.where(entries > 0, entries, [[1e-9], [1e-18], [1e-18]])[:, :2]
    with np.errstate(divide="ignore"):
        logs = np.log(entries)
    np.testing.assert_allclose(need.of(logs, y)[:2], np.log(asked(tiny, np.exp(y), need)), rtol=0, atol=1e-9)
    slopes = need.slopes(logs[:, :2], y)
    np.testing.assert_allclose(slopes, need.slopes(np.log(tiny), y), rtol=0, atol=1e-9)
    assert need.of(logs, y)[2] == -np.inf


@pytest.mark.parametrize(("labels", "columns", "spread"), [(2, 6, 0), (3, 40, 0), (5, 12, 2), (6, 3000, 0)])
def test_no_weights_of_exact_states_ask_for_less(labels, columns, spread):
    """For every share p of the columns, sum_l sqrt(sum_j p_j a_lj^2) is below alpha: Cauchy and Schwarz."""
    entries = drawn(labels, columns, columns, spread)
    alpha, weights = least(entries, CHAIN)
    needs = asked(entries, weights, CHAIN)
    assert alpha == pytest.approx(needs.max(), rel=1e-13)
    # The neediest columns and no others have a share, which makes the weights those of the bound.
    tight = np.flatnonzero(needs > alpha * (1 - 1e-6))
    squares = entries[:, tight] ** 2
    shares = np.linalg.lstsq(squares / alpha**2, weights**4)[0]
    shares = np.maximum(shares, 0.0)
    assert np.sqrt(squares @ (shares / shares.sum())).sum() == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("need", [CHAIN, PRODUCT], ids=["chain", "product"])
@pytest.mark.parametrize(("labels", "columns", "spread"), [(2, 5, 0), (3, 16, 0), (4, 8, 1), (4, 64, 0)])
def test_another_method_finds_nothing_less(need, labels, columns, spread):
    """Sequential quadratic programmes for the least t above all columns, from the weights found and from equal ones."""
    entries = drawn(labels, columns, labels, spread)
    alpha, weights = least(entries, need)

    def rooms(z):
        return z[-1] - np.log(asked(entries, np.exp(z[:-1]) / np.linalg.norm(np.exp(z[:-1])), need))

    for start in (weights, np.full(labels, labels**-0.5)):
        z = np.append(np.log(start), np.log(asked(entries, start, need).max()))
        found = minimize(
            lambda z: z[-1], z, constraints={"type": "ineq", "fun": rooms}, method="SLSQP", tol=1e-12
        )
        assert np.log(alpha) <= found.fun + max(0.0, -rooms(found.x).min()) + 1e-8


def test_two_labels_are_the_best_of_a_scan():
    entries = drawn(2, 6, 0)
    alpha, _ = least(entries, CHAIN)
    angles = np.linspace(0.01, 1.56, 5000)
    scan = [asked(entries, np.array([np.cos(t), np.sin(t)]), CHAIN).max() for t in angles]
    assert alpha <= min(scan)
    assert abs(alpha / min(scan) - 1) < 1e-3


def test_uniform_columns_share_by_the_square_roots():
    """One column of entries a asks for (sum a), at weights sqrt(a / sum a)."""
    entries = np.repeat([[1.0], [4.0], [9.0]], 8, axis=1)
    alpha, weights = least(entries, CHAIN)
    assert alpha == pytest.approx(14.0, abs=1e-7)
    np.testing.assert_allclose(weights, np.sqrt([1 / 14, 4 / 14, 9 / 14]), rtol=0, atol=1e-4)


def test_independent_labels_without_a_first_entry_are_not_served():
    assert least_alpha(lambda: [np.array([[-np.inf], [0.0], [0.0]])], PRODUCT)[0] == np.inf


@pytest.mark.parametrize("seed", range(6))
def test_entries_of_any_size_leave_valid_weights(seed):
    entries = drawn(5, 32, seed, 100.0)
    alpha, weights = least(entries, CHAIN)
    assert np.isfinite(alpha)
    assert np.all(asked(entries, np.maximum(weights, 1e-300), CHAIN) <= alpha * (1 + 1e-12))
    least(entries, PRODUCT)
