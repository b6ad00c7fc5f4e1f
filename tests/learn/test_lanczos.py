import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.lanczos import Journal, run_lanczos


def make_matrix(n=60, seed=0):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((n, n)))
    values = np.concatenate([[-3.0, 20.0], rng.uniform(-1, 2, n - 2)])
    return rotation * values @ rotation.T, rotation, values


def start_vector(n):
    return torch.randn(n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_all_steps_give_the_spectral_measure():
    matrix, rotation, values = make_matrix()
    start = start_vector(60)
    found = run_lanczos(lambda v: torch.from_numpy(matrix) @ v, start, 60)
    order = np.argsort(values)
    masses = (rotation.T @ (start / start.norm()).numpy()) ** 2
    np.testing.assert_allclose(found.nodes, values[order], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.weights, masses[order], rtol=0, atol=1e-9)


def test_moments_are_those_of_the_start_vector():
    matrix, _, _ = make_matrix()
    start = start_vector(60)
    unit = (start / start.norm()).numpy()
    found = run_lanczos(lambda v: torch.from_numpy(matrix) @ v, start, 5)
    for power in range(10):
        exact = unit @ np.linalg.matrix_power(matrix, power) @ unit
        assert found.weights @ found.nodes**power == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("reorthogonalise", ["full", "three-term"])
def test_residuals_bound_the_distance_to_an_eigenvalue(reorthogonalise):
    matrix, _, values = make_matrix()
    found = run_lanczos(lambda v: torch.from_numpy(matrix) @ v, start_vector(60), 15, reorthogonalise)
    distance = np.abs(found.nodes[:, None] - values).min(axis=1)
    assert (distance <= found.residuals + 1e-10).all()
    assert abs(found.nodes[-1] - 20) < 1e-6


def test_settling_goes_on_until_both_extremes_are_known(tmp_path):
    """From 2 steps on, and no further than needed; an interrupted run goes on where it was."""
    matrix, _, values = make_matrix()
    calls = []

    def product(vector):
        calls.append(1)
        return torch.from_numpy(matrix) @ vector

    def run(share, most, folder):
        journal = Journal(tmp_path / folder, {"n": 60})
        return run_lanczos(product, start_vector(60), 2, journal=journal, settle=share, most=most)

    found = run(0.01, 40, "a")
    for end, exact in ((0, values.min()), (-1, values.max())):
        assert abs(found.nodes[end] - exact) <= found.residuals[end] <= 0.01 * abs(exact)
    before = run_lanczos(product, start_vector(60), len(found.nodes) - 1)
    assert max(before.residuals[[0, -1]] / abs(before.nodes[[0, -1]])) > 0.01
    assert len(run(0.01, 5, "b").nodes) == 5
    calls.clear()
    resumed = run(0.01, 40, "b")
    assert len(calls) == len(found.nodes) - 5
    np.testing.assert_array_equal(resumed.nodes, found.nodes)


def test_exhausted_space_stops_early():
    diagonal = torch.tensor([2.0, 2.0, 2.0, 5.0], dtype=torch.float64)
    found = run_lanczos(lambda v: diagonal * v, torch.ones(4, dtype=torch.float64), 4)
    np.testing.assert_allclose(found.nodes, [2, 5], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.weights, [0.75, 0.25], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.residuals, 0, rtol=0, atol=1e-12)
    single = run_lanczos(lambda v: 3 * v, torch.ones(1, dtype=torch.float64), 10)
    assert single.nodes.tolist() == [3.0]


@pytest.mark.parametrize("reorthogonalise", ["full", "three-term"])
def test_interrupted_run_resumes_to_the_same_numbers(tmp_path, reorthogonalise):
    matrix = torch.from_numpy(make_matrix()[0])
    calls = []

    def product(vector):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return matrix @ vector

    def run(folder, store=torch.float32):
        journal = Journal(tmp_path / folder, {"n": 60})
        return run_lanczos(product, start_vector(60), 12, reorthogonalise, store, journal)

    with pytest.raises(KeyboardInterrupt):
        run("a")
    resumed = run("a")
    assert len(calls) == 13  # 6 finished, 1 interrupted, 6 more
    whole = run("b")
    np.testing.assert_array_equal(resumed.nodes, whole.nodes)
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    calls.clear()
    np.testing.assert_array_equal(run("a").nodes, whole.nodes)
    assert not calls
    vectors = list((tmp_path / "a").glob("vector*.pt"))
    assert len(vectors) == (13 if reorthogonalise == "full" else 2)
    with pytest.raises(ConfigError, match="another run"):
        run_lanczos(product, start_vector(60), 12, journal=Journal(tmp_path / "a", {"n": 61}))


@pytest.mark.parametrize("options", [{"reorthogonalise": "some"}, {"steps": 0}])
def test_bad_input_is_named(options):
    with pytest.raises(ConfigError):
        run_lanczos(lambda v: v, torch.ones(3), **({"steps": 2} | options))
