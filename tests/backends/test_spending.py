"""A run that costs money: refused without a limit or past one, and priced before anything else."""

import math

import pytest

from qgd_core.backends.spending import admit
from qgd_core.errors import ConfigError


@pytest.mark.parametrize(("max_shots", "max_cost"), [(100, None), (None, 2.5), (100, 2.5)])
def test_a_run_within_its_limits_goes_ahead_with_its_price_printed(max_shots, max_cost, capsys):
    admit("a:cloud", 100, 2.5, max_shots, max_cost)
    assert capsys.readouterr().err == "a:cloud: 100 shots, estimated at 2.50 US dollars.\n"


@pytest.mark.parametrize(
    ("shots", "price", "max_shots", "max_cost", "match"),
    [
        (1, 0.0, None, None, "no limit"),
        (101, 1.0, 100, None, "max_shots=100"),
        (101, 1.0, 100, 5.0, "max_shots=100"),
        (10, 2.51, 100, 2.5, "max_cost=2.5"),
        (10, math.nan, None, 2.5, "max_cost=2.5"),
        (10, 0.01, None, 0.0, "max_cost=0.0"),
    ],
)
def test_a_run_without_a_limit_or_past_one_is_refused_after_its_price(
    shots, price, max_shots, max_cost, match, capsys
):
    with pytest.raises(ConfigError, match=match) as caught:
        admit("a:cloud", shots, price, max_shots, max_cost)
    assert caught.value.remedy
    assert "estimated at" in capsys.readouterr().err
