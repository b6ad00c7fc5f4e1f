"""Carleman systems against iterated maps, closed forms, dense Kronecker assembly and integrators."""

from functools import reduce
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qgd_core.carleman
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


def descent_field(n, seed, drive=0.02, curve=0.15):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.standard_normal((n, n)))[0]
    hessian = frame @ np.diag(np.linspace(0.1, 1.0, n)) @ frame.T
    return PolynomialField(
        {0: drive * rng.standard_normal(n), 1: -hessian, 2: curve * rng.standard_normal((n, n * n))}
    )


def iterate(field, step, u, steps):
    for _ in range(steps):
        u = u + step * field(u)
    return u


def kronecker_block(field, j, d):
    """The textbook sum of identities around F_k, dense."""
    k = d - j + 1
    if k not in field.coefficients:
        return np.zeros((field.n**j, field.n**d))
    f = field.coefficients[k].toarray()
    one = np.eye(field.n)
    total = 0.0
    for slot in range(j):
        block = np.ones((1, 1))
        for i in range(j):
            block = np.kron(block, f if i == slot else one)
        total = total + block
    return total


def test_continuous_kronecker_matches_the_textbook_sum():
    field = descent_field(3, 0)
    system = carleman(field, order=3, form="continuous", basis="kronecker")
    dense = np.block([[kronecker_block(field, j, d) for d in (1, 2, 3)] for j in (1, 2, 3)])
    np.testing.assert_allclose(system.matrix.toarray(), dense, rtol=0, atol=1e-14)
    np.testing.assert_allclose(system.source[:3], field.coefficients[0].toarray()[:, 0], rtol=0, atol=0)
    assert not system.source[3:].any()


def test_discrete_kronecker_is_the_tensor_power_of_the_step():
    field = descent_field(2, 1)
    system = carleman(field, order=2, step=0.3, basis="kronecker")
    f0, f1, f2 = (0.3 * field.coefficients[k].toarray() for k in range(3))
    f1 = f1 + np.eye(2)
    expected = np.block([[f1, f2], [np.kron(f0, f1) + np.kron(f1, f0), 0 * np.eye(4)]])
    expected[2:, 2:] = np.kron(f1, f1) + np.kron(f0, f2) + np.kron(f2, f0)
    np.testing.assert_allclose(system.matrix.toarray(), expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(system.source, np.concatenate([f0[:, 0], np.kron(f0, f0)[:, 0]]), atol=1e-17)


@pytest.mark.parametrize("form", ["discrete", "continuous"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_bases_and_scales_agree(form, order):
    field = descent_field(3, 2)
    u0 = np.array([0.2, -0.1, 0.3])
    answers = [
        carleman(field, order, form, 0.4, basis, scale).classical(u0, 7)
        for basis in ("symmetric", "kronecker")
        for scale in (1.0, 0.4, 3.0)
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=0, atol=1e-13)


def test_symmetric_blocks_have_the_norm_of_the_power():
    system = carleman(descent_field(3, 3), order=4, step=0.1, scale=0.7)
    u = np.array([0.2, -1.1, 0.3])
    z = system.lift(u)
    for j in range(1, 5):
        size = np.linalg.norm(z[system.basis.block(j)])
        assert size == pytest.approx(np.linalg.norm(0.7 * u) ** j, rel=1e-13)
    np.testing.assert_allclose(system.project(z), u, rtol=0, atol=1e-15)
    np.testing.assert_allclose(z[:3], 0.7 * u, rtol=0, atol=1e-16)


def test_linear_fields_are_exact_at_order_one():
    field = descent_field(4, 4, curve=0.0)
    u0 = np.array([0.5, -0.5, 1.0, 0.1])
    np.testing.assert_allclose(
        carleman(field, 1, step=0.5).classical(u0, 40), iterate(field, 0.5, u0, 40), rtol=0, atol=1e-13
    )
    flow = carleman(field, 1, "continuous")
    a, b = field.coefficients[1].toarray(), field.coefficients[0].toarray()[:, 0]
    values, frame = np.linalg.eigh(a)
    fixed = np.linalg.solve(a, -b)
    exact = fixed + frame @ (np.exp(3.0 * values) * (frame.T @ (u0 - fixed)))
    np.testing.assert_allclose(flow.classical(u0, 3.0), exact, rtol=0, atol=1e-13)
    assert flow.error_bound(u0, 3.0) == 0.0


def test_logistic_equation_converges_to_the_closed_form():
    field = PolynomialField({1: [[-1.0]], 2: [[1.0]]})
    u0, time = 0.3, 2.0
    exact = u0 * np.exp(-time) / (1 - u0 + u0 * np.exp(-time))
    errors = [
        abs(carleman(field, order, "continuous").classical([u0], time)[0] - exact) for order in range(1, 8)
    ]
    # order N keeps the geometric series in u0 (1 - e^-t) up to power N - 1
    ratio = u0 * (1 - np.exp(-time))
    expected = [u0 * np.exp(-time) * ratio**order / (1 - ratio) for order in range(1, 8)]
    np.testing.assert_allclose(errors, expected, rtol=1e-6, atol=1e-15)


def test_bernoulli_equation_converges_to_the_closed_form():
    field = PolynomialField({1: [[-1.0]], 3: [[0.5]]})
    u0, time = 0.6, 1.5
    exact = 1 / np.sqrt(0.5 + (1 / u0**2 - 0.5) * np.exp(2 * time))
    system = carleman(field, 15, "continuous")
    assert abs(system.classical([u0], time)[0] - exact) < 1e-7


def test_rotation_with_cubic_damping_matches_the_closed_form():
    damping = np.zeros((2, 8))
    for i in range(2):
        for j in range(2):
            damping[i, 4 * i + 2 * j + j] -= 0.3
    field = PolynomialField({1: [[0.0, -1.0], [1.0, 0.0]], 3: damping})
    u0, time = np.array([0.4, 0.0]), 1.2
    radius = 0.4 / np.sqrt(1 + 2 * 0.3 * 0.16 * time)
    exact = radius * np.array([np.cos(time), np.sin(time)])
    system = carleman(field, 9, "continuous")
    error = np.linalg.norm(system.classical(u0, time) - exact)
    assert error < 1e-5
    assert error <= system.error_bound(u0, time)


def expand_products(field, step, order):
    """M and b entry by entry: multiply out prod_i map_i^(a_i) with dictionaries of exponents."""
    n = field.n
    maps = [{} for _ in range(n)]
    for i in range(n):
        maps[i][tuple(int(i == v) for v in range(n))] = 1.0
        for k, f in field.coefficients.items():
            for column, value in zip(range(n**k), f.toarray()[i], strict=True):
                digits = [(column // n**p) % n for p in range(k)]
                exponents = tuple(digits.count(v) for v in range(n))
                maps[i][exponents] = maps[i].get(exponents, 0.0) + step * value
    basis = [
        tuple(combination.count(v) for v in range(n))
        for j in range(1, order + 1)
        for combination in combinations_with_replacement(range(n), j)
    ]
    weight = {a: np.sqrt(factorial(sum(a)) / prod(map(factorial, a))) for a in [(0,) * n, *basis]}
    matrix, source = np.zeros((len(basis), len(basis))), np.zeros(len(basis))
    for row, a in enumerate(basis):
        product = {(0,) * n: 1.0}
        for i in range(n):
            for _ in range(a[i]):
                longer = {}
                for m, x in product.items():
                    for k, y in maps[i].items():
                        both = tuple(p + q for p, q in zip(m, k, strict=True))
                        longer[both] = longer.get(both, 0.0) + x * y
                product = longer
        for m, x in product.items():
            if not any(m):
                source[row] = x * weight[a]
            elif m in weight:
                matrix[row, basis.index(m)] = x * weight[a] / weight[m]
    return matrix, source


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 3), order=st.integers(1, 3), degree=st.integers(0, 3), seed=st.integers(0, 10**6))
def test_discrete_coefficients_match_products_multiplied_out(n, order, degree, seed):
    rng = np.random.default_rng(seed)
    field = PolynomialField({k: rng.standard_normal((n, n**k)) for k in range(degree + 1)})
    system = carleman(field, order, step=0.2)
    matrix, source = expand_products(field, 0.2, order)
    np.testing.assert_allclose(system.matrix.toarray(), matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(system.source, source, rtol=0, atol=1e-12)


def test_error_estimate_follows_the_observed_error():
    field = descent_field(4, 5)
    u0 = np.array([0.2, 0.1, -0.2, 0.1])
    system = carleman(field, 2, step=0.8)
    error = np.linalg.norm(iterate(field, 0.8, u0, 10) - system.classical(u0, 10))
    assert system.error_estimate(u0, 10) == pytest.approx(error, rel=0.2)


def test_growth_numbers_match_dense_linear_algebra():
    field = descent_field(3, 6)
    map_system = carleman(field, 2, step=0.5)
    dense = map_system.matrix.toarray()
    assert map_system.log_norm() == pytest.approx(np.log(np.linalg.norm(dense, 2)), abs=1e-12)
    powers = [np.linalg.norm(np.linalg.matrix_power(dense, t), 2) for t in range(9)]
    assert map_system.power_norm(8) == pytest.approx(max(powers), rel=1e-12)
    flow = carleman(field, 2, "continuous")
    symmetric = (flow.matrix + flow.matrix.T).toarray() / 2
    assert flow.log_norm() == pytest.approx(np.linalg.eigvalsh(symmetric)[-1], abs=1e-12)


def test_rescaled_equals_assembly_at_that_scale():
    field = descent_field(3, 7)
    one, two = carleman(field, 3, step=0.5).rescaled(0.6), carleman(field, 3, step=0.5, scale=0.6)
    np.testing.assert_allclose(one.matrix.toarray(), two.matrix.toarray(), rtol=0, atol=1e-13)
    np.testing.assert_allclose(one.source, two.source, rtol=0, atol=1e-15)


@settings(max_examples=25, deadline=None)
@given(order=st.integers(1, 3), seed=st.integers(0, 10**6), form=st.sampled_from(["discrete", "continuous"]))
def test_permuting_or_scaling_the_variables_commutes_with_truncation(order, seed, form):
    rng = np.random.default_rng(seed)
    field = PolynomialField({k: 0.2 * rng.standard_normal((3, 3**k)) for k in range(4)})
    swap, g = np.eye(3)[rng.permutation(3)], rng.uniform(0.3, 3.0)
    permuted = PolynomialField(
        {
            k: swap @ f.toarray() @ (reduce(np.kron, [swap.T] * k) if k else np.ones((1, 1)))
            for k, f in field.coefficients.items()
        }
    )
    u0 = 0.2 * rng.standard_normal(3)
    plain = carleman(field, order, form, 0.3).classical(u0, 3)
    turned = carleman(permuted, order, form, 0.3).classical(swap @ u0, 3)
    scaled = carleman(field.rescale(g), order, form, 0.3).classical(g * u0, 3)
    np.testing.assert_allclose(turned, swap @ plain, rtol=0, atol=1e-12)
    np.testing.assert_allclose(scaled, g * plain, rtol=0, atol=1e-11)


def test_the_package_is_callable():
    field = descent_field(2, 8)
    assert qgd_core.carleman(field, order=2, step=0.1).dimension == 5
    assert qgd_core.carleman.carleman is carleman


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"order": 0, "step": 0.1}, "order"),
        ({"order": 1.5, "step": 0.1}, "order"),
        ({"order": 2}, "step"),
        ({"order": 2, "step": -0.1}, "step"),
        ({"order": 2, "step": 0.1, "scale": 0.0}, "scale"),
        ({"order": 2, "step": 0.1, "form": "both"}, "form"),
        ({"order": 2, "step": 0.1, "basis": "tensor"}, "basis"),
        ({"order": "2", "step": 0.1}, "order"),
        ({"order": True, "step": 0.1}, "order"),
        ({"order": 2, "step": "a"}, "step"),
        ({"order": 2, "step": np.nan}, "step"),
        ({"order": 2, "step": 0.1, "scale": 1j}, "scale"),
        ({"order": 2, "step": 0.1, "memory": -1.0}, "memory"),
        ({"order": 2000, "step": 0.1}, "Order 2000"),
    ],
)
def test_bad_options_are_named(options, word):
    with pytest.raises(ConfigError, match=word):
        carleman(descent_field(2, 9), **options)


def test_bad_windows_are_named():
    system = carleman(descent_field(2, 9), 2, step=0.1)
    for steps in (-1, 2.5, np.nan, "a", None):
        with pytest.raises(ConfigError, match="T is"):
            system.classical([0.1, 0.1], steps)
        with pytest.raises(ConfigError, match="steps is"):
            system.power_norm(steps)
    for time in (-1, np.inf, "a"):
        with pytest.raises(ConfigError, match="T is"):
            carleman(system.field, 1, "continuous").classical([0.1, 0.1], time)
    for call in (lambda: system.lift([0.1j, 0.0]), lambda: system.project(1j * np.ones(5))):
        with pytest.raises(ConfigError, match="real numbers"):
            call()
    with pytest.raises(ConfigError, match="NoneType"):
        carleman(None, 2, step=0.1)
    with pytest.raises(ConfigError, match="u0"):
        system.error_bound([0.1], 3)
