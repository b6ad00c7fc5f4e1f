import numpy as np

from qgd_core.carleman.compress import compress, compress_steps
from qgd_core.dynamics.frame import rotate
from qgd_core.dynamics.polynomial import PolynomialField


def step(n, rank, seed=0, offset=0.02):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(rank, n)) / 2
    cubes = 0.05 * np.einsum("qi,qj,qk->ijk", y, y, y)
    return PolynomialField(
        {0: offset * rng.normal(size=n), 1: np.diag(rng.uniform(0.3, 0.9, n)), 2: cubes.reshape(n, -1)}
    )


def march(update, u, steps):
    for _ in range(steps):
        u = update(u)
    return u


def test_the_drift_bound_holds_and_the_rank_is_the_least():
    for seed in range(8):
        update, u0 = step(4, 6, seed), np.random.default_rng(seed).uniform(-0.4, 0.4, 4)
        for limit in (1e-2, 1e-3):
            found = compress(update, u0, 6, limit)
            assert found is not None
            map_, drift = found
            difference = np.linalg.norm(march(update, u0, 6) - march(map_.polynomial(), u0, 6))
            assert difference <= drift <= limit


def test_a_sum_of_two_cubes_needs_two():
    found = compress(step(4, 2, seed=3), np.full(4, 0.3), 5, 1e-3)
    assert found is not None
    assert found[0].rank == 2


def test_a_drift_that_no_rank_reaches_gives_none():
    assert compress(step(3, 10, seed=1), np.full(3, 0.3), 5, 1e-14) is None


def test_an_affine_map_needs_no_cube():
    found = compress(PolynomialField({0: [0.1, 0.0], 1: np.diag([0.5, 0.6])}), np.ones(2), 5, 1e-3)
    assert found is not None
    assert (found[0].rank, found[1]) == (0, 0.0)


def test_a_map_a_step_in_its_own_frame_stays_within_the_drift():
    rng = np.random.default_rng(5)
    frames = [np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(5)]
    updates = [rotate(step(4, 6, seed), frame.T) for seed, frame in enumerate(frames)]
    u0 = rng.uniform(-0.3, 0.3, 4)
    found = compress_steps(updates, frames, u0, 5, 3e-3)
    assert found is not None
    true, near = u0, u0
    for update, map_, frame, common in zip(updates, found.maps, frames, found.updates, strict=True):
        true, near = update(true), frame @ map_.polynomial()(frame.T @ near)
        np.testing.assert_allclose(
            common(true), frame @ map_.polynomial()(frame.T @ true), rtol=0, atol=1e-13
        )
    assert np.linalg.norm(true - near) <= found.drift <= 3e-3
