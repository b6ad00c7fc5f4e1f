"""Products that are added in place, whole and in strips, against dense ones."""

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.encodings import action
from qgd_core.encodings.action import Adding, add_multiple, adding, operator, strips, tiles, transposed

RNG = np.random.default_rng(5)
DENSE = RNG.normal(size=(12, 12)) * (RNG.random((12, 12)) < 0.3)
MATRIX = sp.csr_array(DENSE)


@pytest.fixture(params=[1 << 16, 5], ids=["whole", "strips"])
def strip(request, monkeypatch):
    monkeypatch.setattr(action, "_STRIP", request.param)
    return request.param


def given(kind):
    if kind == "entries":
        return MATRIX
    if kind == "an operator":
        return operator(12, lambda x: DENSE @ x, lambda x: DENSE.T @ x)

    def add(dense):
        def by(x, y, factor):
            y += factor * (dense @ x)

        return by

    return Adding(12, add(DENSE), add(DENSE.T), np.float64)


@pytest.mark.parametrize("kind", ["entries", "an operator", "adding itself"])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "backward"])
def test_a_multiple_of_a_product_is_added_in_place(kind, back, strip):
    one = transposed(given(kind)) if back else given(kind)
    dense = DENSE.T if back else DENSE
    x, y = RNG.normal(size=12), RNG.normal(size=12)
    expected, before = y - 0.3 * dense @ x, x.copy()
    adding(one)(x, y, -0.3)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(one @ x, dense @ x, rtol=0, atol=1e-14)


def test_tables_and_complex_matrices_are_added_too(strip):
    x, y = RNG.normal(size=(12, 3)), np.zeros((12, 3), np.complex128)
    adding(transposed(sp.csr_array(MATRIX * (1.0 + 2.0j))))(x, y, 2.0)
    np.testing.assert_allclose(y, 2.0 * (1.0 - 2.0j) * DENSE.T @ x, rtol=0, atol=1e-13)


def test_a_multiple_of_a_vector_is_added_in_place(strip):
    x, y = RNG.normal(size=12), RNG.normal(size=12)
    expected = y + 0.7 * x
    add_multiple(x, y, 0.7)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-15)


def test_strips_are_views_of_the_entries(strip):
    full = sp.csr_array(RNG.normal(size=(12, 12)))
    parts = strips(full)
    assert len(parts) == (1 if strip > 12 else 3)
    assert all(np.shares_memory(part.data, full.data) for _, part in parts)
    np.testing.assert_array_equal(np.vstack([part.toarray() for _, part in parts]), full.toarray())


@pytest.mark.parametrize("together", [1, 36, 1 << 22])
def test_tiles_hold_every_product_once(together, strip, monkeypatch):
    monkeypatch.setattr(action, "_TOGETHER", together)
    rows, found = RNG.normal(size=(4, 12)), np.zeros((4, 12))
    for at, here, products in tiles(strips(MATRIX), rows):
        found[at, here] += products
    np.testing.assert_allclose(found, rows @ DENSE.T, rtol=0, atol=1e-14)
