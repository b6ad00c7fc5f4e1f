"""Polynomials of encodings against dense eigen- and singular value decompositions."""

import json
from pathlib import Path

import numpy as np
import pytest

from qgd_core.encodings import polynomial as module
from qgd_core.encodings.choose import block_encode
from qgd_core.errors import ConfigError
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.targets import cosine, inverse

SYSTEMS = json.loads((Path(__file__).parents[1] / "data" / "linear_systems.json").read_text())["cases"]
RNG = np.random.default_rng(0)
GENERAL = RNG.standard_normal((4, 4))
HERMITIAN = np.array([[0.5, 0.2 - 0.3j], [0.2 + 0.3j, -0.4]])
ODD = Chebyshev([0.0, 0.5, 0.0, -0.3])
EVEN = Chebyshev([0.1, 0.0, 0.4, 0.0, -0.3])


@pytest.mark.parametrize("method", ["svd", "row_column", "band"])
@pytest.mark.parametrize("polynomial", [ODD, EVEN, Chebyshev([0.3])], ids=["odd", "even", "constant"])
def test_singular_values_are_transformed(method, polynomial, check):
    encoding = block_encode(GENERAL[:2, :2], method)
    left, sigma, right = np.linalg.svd(GENERAL[:2, :2])
    ends = left if polynomial.parity else right.conj().T
    wanted = ends @ np.diag(polynomial(sigma / encoding.alpha)) @ right
    check(encoding.polynomial(polynomial), wanted)


@pytest.mark.parametrize("polynomial", [ODD, EVEN], ids=["odd", "even"])
def test_eigenvalues_of_a_hermitian_matrix_are_transformed(polynomial, check):
    encoding = block_encode(HERMITIAN)
    values, vectors = np.linalg.eigh(HERMITIAN)
    check(
        encoding.polynomial(polynomial),
        vectors @ np.diag(polynomial(values / encoding.alpha)) @ vectors.conj().T,
    )


def test_a_linear_system_is_solved():
    matrix = np.array([[2.0, -1.0], [-1.0, 2.0]])
    encoding = block_encode(matrix, "symmetric")
    target = inverse(3.1, 1e-6).scaled(0.9)
    solved = encoding.polynomial(target.polynomial)
    found = solved.matrix().toarray() / (target.factor * encoding.alpha)
    np.testing.assert_allclose(found, np.linalg.inv(matrix), rtol=0, atol=1e-6)


def test_a_large_operator_is_never_assembled(monkeypatch):
    encoding = block_encode(GENERAL, "row_column")
    for polynomial in (ODD, EVEN):
        dense = encoding.polynomial(polynomial).target.toarray()
        with monkeypatch.context() as patch:
            patch.setattr(module, "_ASSEMBLED", 1)
            operator = encoding.polynomial(polynomial).target
        np.testing.assert_allclose(operator @ np.eye(4), dense, rtol=0, atol=1e-13)
        np.testing.assert_allclose(operator.H @ np.eye(4), dense.conj().T, rtol=0, atol=1e-13)


def test_an_inadmissible_polynomial_is_refused():
    with pytest.raises(ConfigError, match="above 1"):
        block_encode(GENERAL, "svd").polynomial(2.0 * cosine(3.0, 1e-6).polynomial)


@pytest.mark.parametrize(("case", "eps", "limit"), [(0, 1e-2, 2577), (1, 1e-2, 8571)])
def test_a_whole_solve_of_the_reference_systems_is_cheap(case, eps, limit):
    system = SYSTEMS[case]
    matrix, b = np.array(system["A"]), np.array(system["b"])
    encoding = block_encode(matrix)
    wanted = np.linalg.solve(matrix, b)
    target = inverse(system["kappa"] * encoding.alpha, eps * encoding.alpha * np.linalg.norm(wanted)).scaled(
        0.95
    )
    solved = encoding.adjoint().polynomial(target.polynomial)
    found = (solved.target @ b) / (target.factor * encoding.alpha)
    assert np.linalg.norm(found - wanted) <= eps * np.linalg.norm(wanted)
    assert solved.two_qubit <= limit
