import math

import pytest

from qgd_core.budget import ErrorBudget, best_share, best_shares, check_share, easier, least_error, rounded_up
from qgd_core.errors import ConfigError


def test_total_is_the_sum_of_the_shares():
    budget = ErrorBudget(model=1e-2, truncation=2e-3, shots=5e-4)
    assert budget.total == pytest.approx(0.0125, rel=0, abs=1e-18)
    assert budget.solver == 5e-4


def test_scaling_scales_every_share():
    scaled = ErrorBudget(model=1.0, polynomial=2.0).scaled(0.5)
    assert scaled.shares() == ErrorBudget(model=0.5, polynomial=1.0).shares()


@pytest.mark.parametrize("share", [-1e-9, float("nan")])
def test_a_share_below_zero_or_not_a_number_is_refused(share):
    with pytest.raises(ConfigError, match="truncation"):
        ErrorBudget(truncation=share)


@pytest.mark.parametrize("wanted", [0.004, 0.05, 0.3, 0.8])
def test_the_best_share_is_found(wanted):
    found = best_share(lambda share: (math.log(share / wanted)) ** 2 + 1.0)
    assert found == pytest.approx(wanted, rel=0.01)


def test_the_best_share_stays_where_costs_are_finite():
    assert best_share(lambda share: 1.0 / share if share < 0.5 else math.inf) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("orders", [(2,), (1, 2), (4, 2), (2, 2, 8)])
def test_powers_split_by_their_orders(orders):
    """In closed form: steps that grow like share^(-1/p), shots like the square of the inverse rest."""

    def cost(shares):
        return math.prod(s ** (-1 / p) for s, p in zip(shares, orders, strict=True)) / (1 - sum(shares)) ** 2

    whole = 2 + sum(1 / p for p in orders)
    found = best_shares(cost, len(orders))
    assert found == pytest.approx([1 / p / whole for p in orders], rel=0.05)
    assert cost(found) <= 1.001 * cost([1 / p / whole for p in orders])


def test_shares_that_can_be_met_are_found_from_far_away():
    """Only large shares of the first source are finite."""
    found = best_shares(lambda s: 1.0 / s[1] / (1 - sum(s)) ** 2 if s[0] > 0.3 else math.inf, 2)
    assert 0.3 < found[0] < 0.31
    assert found[1] == pytest.approx((1 - found[0]) / 3, rel=0.02)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 3.0, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ConfigError, match="leaves nothing"):
        check_share(share)


@pytest.mark.parametrize("edge", [2e-6, 0.37, 40.0])
def test_the_least_error_in_reach_is_found(edge):
    found = least_error(lambda eps: eps >= edge, 1e-6)
    assert edge <= found <= 1.01 * edge
    assert f"{rounded_up(1.01 * found):.1e} or more, which takes 9 steps, or do" in easier(
        found, "9 steps", "do less"
    )


def test_the_least_error_is_found_by_decades_where_that_is_enough():
    asked = []
    assert least_error(lambda eps: asked.append(eps) or eps >= 3e-4, 1e-6, within=10.0) == pytest.approx(1e-3)
    assert asked == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3])


def test_nothing_in_reach_is_said():
    assert least_error(lambda eps: False, 1e-6) is None
    assert easier(None, "9 steps", "do less") == "Do less."


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (1.036e-9, "1.1e-09"),
        (9.91e-3, "1.0e-02"),
        (2.5e-4, "2.5e-04"),
        (0.951, "9.6e-01"),
        (123.0, "1.3e+02"),
    ],
)
def test_an_error_is_rounded_up_to_what_is_printed(error, printed):
    assert f"{rounded_up(error):.1e}" == printed
    assert error <= rounded_up(error) <= 1.1 * error


def test_what_is_offered_is_never_below_what_can_be_reached():
    for k in range(1000):
        reachable = 10.0 ** (-k / 100.0)
        offered = float(easier(reachable, "much", "less").split()[2])
        assert 1.01 * reachable <= offered <= 1.12 * reachable
