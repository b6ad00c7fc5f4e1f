"""Values by arithmetic against integer arithmetic, on every basis state."""

import itertools

import numpy as np
import pytest

from qgd_core.circuit.reversible import Reversible
from qgd_core.oracles import values
from qgd_core.oracles.values import add, polynomial_value


def run(plan, n_states):
    i = np.arange(n_states)
    bits = {k: i >> k & 1 for k in range(plan.n_index)}
    after, signs = plan.ops.act(bits, i.shape)
    value = (after.get(plan.n_index + k, np.zeros(n_states)) for k in range(plan.n_value))
    word = sum(bit.astype(int) << k for k, bit in enumerate(value))
    clean = plan.n_index + plan.n_value
    left = [after[q].max(initial=0) for q in range(clean, clean + plan.n_clean) if q in after]
    kept = all(np.array_equal(after[k], bits[k]) for k in bits)
    return word, signs, max(left, default=0), kept


CASES = list(itertools.product([0, 5, -3], [0, 1, -6, 11], [0, 3, -7]))


@pytest.mark.parametrize(("n_index", "n_value"), [(1, 3), (2, 6), (3, 7), (4, 5), (6, 14)])
def test_every_value_is_the_polynomial_and_clean_qubits_are_restored(n_index, n_value):
    i = np.arange(2**n_index)
    for a, b, c in CASES:
        word, signs, left, kept = run(polynomial_value((a, b, c), n_index, n_value), 2**n_index)
        np.testing.assert_array_equal(word, (a + b * i + c * i**2) % 2**n_value)
        assert np.all(signs == 1.0)
        assert left == 0
        assert kept


@pytest.mark.parametrize(("n_source", "n_target"), [(1, 1), (1, 3), (3, 3), (2, 4)])
def test_addition_in_place(n_source, n_target):
    ops = Reversible()
    source, target = range(n_source), range(n_source, n_source + n_target)
    add(ops, source, target, range(target.stop, target.stop + n_target))
    x, y = (grid.ravel() for grid in np.mgrid[: 2**n_source, : 2**n_target])
    bits = {q: x >> k & 1 for k, q in enumerate(source)} | {q: y >> k & 1 for k, q in enumerate(target)}
    after, signs = ops.act(bits, x.shape)
    np.testing.assert_array_equal(
        sum(after[q].astype(int) << k for k, q in enumerate(target)), (x + y) % 2**n_target
    )
    assert np.all(signs == 1.0)
    assert all(not after[q].any() for q in after if q >= target.stop)


def test_cost_grows_with_the_square_of_the_bits():
    sizes = (10, 20, 40, 80)
    # A word of alternating digits is the worst there is in non-adjacent form.
    costs = [polynomial_value((1, (4**m - 1) // 3, (4**m - 1) // 3), m, 2 * m).ops.two_qubit for m in sizes]
    assert all(later < 4.4 * former for former, later in itertools.pairwise(costs))
    assert costs[-1] < 50 * 160**2


def test_a_lost_carry_is_seen(monkeypatch):
    kept = values._carry

    def lost(ops, source, target, carries, k):
        if k != 1:
            kept(ops, source, target, carries, k)

    monkeypatch.setattr(values, "_carry", lost)
    i = np.arange(8)
    word = run(polynomial_value((5, 3, 1), 3, 8), 8)[0]
    assert np.any(word != 5 + 3 * i + i**2)
