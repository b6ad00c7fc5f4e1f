"""Adders against integer addition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgd_core.oracles.shifts import shift_by_label


@pytest.mark.parametrize("mode", [{}, {"exact": True}, {"flagged": True}], ids=["signed", "exact", "flagged"])
@settings(max_examples=100, deadline=None)
@given(q=st.integers(1, 5), seed=st.integers(0, 10_000), n_labels=st.integers(1, 5))
def test_shifts_add_what_the_label_says(mode, q, seed, n_labels):
    rng = np.random.default_rng(seed)
    shifts = (rng.integers(1, 2**q, n_labels) * rng.choice([1, -1], n_labels)).tolist()
    plan = shift_by_label(shifts, q, **mode)
    j = np.arange(2**q)
    for label in range(-1, n_labels):
        bits = {n_labels + k: (j >> (q - 1 - k)) & 1 for k in range(q)} | {label: np.ones_like(j)}
        after, signs = plan.ops.act(bits, j.shape)
        found = sum(after[n_labels + k].astype(int) << (q - 1 - k) for k in range(q))
        wanted = j + (shifts[label] if label >= 0 else 0)
        flags = sum(after.get(n_labels + q + k, np.zeros_like(j)) for k in range(plan.n_flags)) > 0
        if mode.get("flagged"):
            np.testing.assert_array_equal(flags, (wanted < 0) | (wanted >= 2**q))
        np.testing.assert_array_equal(
            found[~flags] if plan.n_flags else found, (wanted % 2**q)[~flags if plan.n_flags else slice(None)]
        )
        if mode:
            np.testing.assert_array_equal(signs, 1.0)
        for qubit in range(n_labels + q + plan.n_flags + plan.n_carries):
            if not n_labels <= qubit < n_labels + q + plan.n_flags:
                code = qubit == label or (label >= 0 and qubit == plan.filled)
                assert np.all(after.get(qubit, np.zeros(1)) == code)
