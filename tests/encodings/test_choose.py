"""The table of encodings: names, automatic choice, and refusals."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.circuit.simulate import unitary
from qgd_core.encodings.choose import ENCODINGS, block_encode, list_encodings
from qgd_core.errors import ConfigError

RNG = np.random.default_rng(0)


def test_the_list_is_the_table():
    assert [row["name"] for row in list_encodings()] == list(ENCODINGS)
    assert all(isinstance(row["scalable"], bool) and row["summary"] for row in list_encodings())


def test_the_automatic_choice_scales():
    encoding = block_encode(RNG.standard_normal((4, 4)))
    assert ENCODINGS[encoding.method].scalable


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((0, 0)), "square"),
        (np.zeros((2, 2)), "all zero"),
        (np.ones((2, 3)), "square"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "NaN"),
        ([["a", 1], [2, 3]], "not a table of numbers"),
        ([[1.0, 2.0], [3.0]], "not a table of numbers"),
        ([[10**400, 1], [1, 1]], "not a table of numbers"),
        (np.array([[1.0, np.inf], [0.0, 1.0]]), "NaN or infinite"),
        (np.array([[1e308, 1.0], [0.0, 1.0]]), "leave float64"),
        (np.array([[1e-310, 0.0], [0.0, 1e-320]]), "leave float64"),
        (np.array([[1.0, 1j * np.nan], [0.0, 1.0]]), "NaN"),
        (np.array([1.0, 2.0]), "square"),
    ],
    ids=[
        "empty",
        "zero",
        "rectangular",
        "nan",
        "text",
        "ragged",
        "overflow",
        "infinite",
        "huge",
        "tiny",
        "complex nan",
        "vector",
    ],
)
def test_bad_matrices_are_refused(matrix, message):
    with pytest.raises(ConfigError, match=message):
        block_encode(matrix)


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'row_column'"):
        block_encode(np.eye(2), "row_colum")


def test_the_automatic_choice_keeps_the_losers_with_their_figures():
    encoding = block_encode(np.array(np.eye(8) + 0.3 * np.eye(8, k=1)))
    assert encoding.method == "toeplitz"
    assert {loser.method for loser in encoding.losers} == {
        "band",
        "row_column",
        "sparse_access",
        "svd",
        "pauli",
        "fable",
    }
    scalable = [loser.merit for loser in encoding.losers if ENCODINGS[loser.method].scalable]
    assert encoding.merit <= min(scalable)
    lines = encoding.explain().splitlines()
    assert len(lines) == 8
    assert lines[1].startswith("toeplitz")
    assert lines[1].endswith("chosen")
    assert f"{encoding.two_qubit}" in lines[1]


def test_a_wide_sparse_matrix_never_becomes_dense():
    n = 2**14
    x = np.linspace(1, 2, n)
    matrix = sp.diags_array([x, x[1:]], offsets=[0, 1], format="csr")
    encoding = block_encode(matrix)
    assert encoding.method == "band"
    assert encoding.alpha < 4.1


def test_a_band_keeps_no_tables():
    n = 2**15
    x = np.linspace(1, 2, n)
    matrix = sp.diags_array([x[1:], 3 * x, x[1:]], offsets=[-1, 0, 1], format="csr")
    own = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    tracemalloc.start()
    encoding = block_encode(matrix, "band")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1.5 * own
    assert encoding.alpha < 10.5


def test_a_large_sparse_matrix_without_pattern_is_costed_without_colours_or_pairs(monkeypatch):
    n, rng = 2**13, np.random.default_rng(1)
    columns = np.tile(np.arange(n), 4)
    rows = np.concatenate([rng.permutation(n) for _ in range(4)])
    matrix = sp.csr_array(sp.coo_array((rng.standard_normal(4 * n), (rows, columns)), shape=(n, n)))
    monkeypatch.setattr("qgd_core.encodings.sparse.colour_edges", None)
    encoding = block_encode(matrix)
    assert encoding.method == "sparse"
    assert encoding.alpha < np.sqrt(abs(matrix).sum(axis=0).max() * abs(matrix).sum(axis=1).max())
    assert encoding.two_qubit < 2 * 14 * 8 * n


def test_a_method_that_does_not_suit_is_refused():
    with pytest.raises(ConfigError, match="not constant"):
        block_encode(np.diag([1.0, 2.0]), "toeplitz")


@pytest.mark.parametrize("name", [name for name in ENCODINGS if name != "toeplitz"])
def test_every_name_encodes(name, check):
    matrix = np.array([[1.0, -0.5, 0.0], [-0.5, 2.0, 0.25], [0.0, 0.25, 0.5]])
    encoding = block_encode(matrix, name)
    assert encoding.method == name
    assert f"{encoding.method}" in encoding.explain()
    check(encoding, matrix)


def test_large_integers_do_not_overflow(check):
    matrix = np.array([[10**30, -1], [1, 10**30]], dtype=object)
    encoding = block_encode(matrix)
    assert abs(encoding.alpha / 1e30 - 1) < 1e-9
    narrow = np.array([[100, 100], [100, -100]], dtype=np.int8)
    check(block_encode(narrow), narrow.astype(float))


@pytest.mark.parametrize("scale", [1e280, 1e160, 1e-160, 1e-280])
@pytest.mark.parametrize("name", ENCODINGS)
def test_the_unit_of_a_matrix_does_not_matter(name, scale):
    matrix = np.array([[1.0, -0.5], [-0.5, 1.0]])
    plain, scaled = block_encode(matrix, name), block_encode(scale * matrix, name)
    assert abs(scaled.alpha / scale - plain.alpha) < 1e-12
    found, wanted = unitary(scaled.circuit()), unitary(plain.circuit())
    np.testing.assert_allclose(found[:2, :2], wanted[:2, :2], rtol=0, atol=1e-10)
