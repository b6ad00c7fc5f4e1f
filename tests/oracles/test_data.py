"""Tables against the integers in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate, unitary
from qgd_core.errors import ConfigError
from qgd_core.oracles.data import load, load_by_swaps


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


@settings(max_examples=15, deadline=None)
@given(
    table=st.lists(st.integers(0, 3), min_size=3, max_size=8),
    n_swapped=st.integers(0, 2),
    z=st.integers(0, 3),
    seed=st.integers(0, 10_000),
)
def test_swaps_give_the_same_table(table, n_swapped, z, seed):
    m = (len(table) - 1).bit_length()
    loaded = load_by_swaps(table, 2, min(n_swapped, m - 1))
    amplitudes = np.random.default_rng(seed).standard_normal(2**m)
    start, wanted = (np.zeros((2**m, 4, 2**loaded.n_clean), dtype=complex) for _ in range(2))
    start[:, z, 0] = amplitudes
    for a in range(2**m):
        wanted[a, z ^ (table[a] if a < len(table) else 0), 0] = amplitudes[a]
    found = simulate(loaded.circuit, start.reshape(-1))
    np.testing.assert_allclose(found, wanted.reshape(-1), rtol=0, atol=1e-12)


def test_swaps_save_t_gates_and_cost_qubits():
    table = np.random.default_rng(0).integers(0, 2**8, 256).tolist()
    plain, swapped = load(table, 8), load_by_swaps(table, 8, 3)
    assert cost(swapped.circuit).t_gates < 0.5 * cost(plain.circuit).t_gates
    assert swapped.n_clean == 8 * 8 + 4


@pytest.mark.parametrize(
    ("table", "n_swapped"), [([1, 2, 3, 4], 2), ([1, 2], -1), ([8, 1, 2, 3], 1), ([], 0)]
)
def test_bad_swaps_are_refused(table, n_swapped):
    with pytest.raises(ConfigError):
        load_by_swaps(table, 3, n_swapped)
