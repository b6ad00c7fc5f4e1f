"""Tables against the integers in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.errors import ConfigError
from qgd_core.oracles.data import load


@settings(max_examples=25, deadline=None)
@given(table=st.lists(st.integers(0, 7), min_size=1, max_size=9))
def test_a_table_is_written_without_signs(table):
    loaded = load(table, 3)
    m = max(1, (len(table) - 1).bit_length())
    found = unitary(loaded.circuit)
    for a in range(2**m):
        for z in range(8):
            word = table[a] if a < len(table) else 0
            column = found[:, ((a << 3) + z) << loaded.n_clean]
            assert abs(column[((a << 3) + (z ^ word)) << loaded.n_clean] - 1) < 1e-12


def test_cost_is_linear_in_the_table():
    table = np.random.default_rng(0).integers(0, 2**8, 256).tolist()
    loaded = load(table, 8)
    ones = sum(int(word).bit_count() for word in table)
    assert cost(loaded.circuit).two_qubit <= 7 * 256 + ones
    assert cost(load([0, 0, 0, 5], 3).circuit).two_qubit < cost(load([5, 1, 2, 5], 3).circuit).two_qubit


@pytest.mark.parametrize("table", [[], [8], [-1]])
def test_bad_tables_are_refused(table):
    with pytest.raises(ConfigError):
        load(table, 3)
