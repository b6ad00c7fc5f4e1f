import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.data import load
from qgd_core.learn.enforce import enforce
from qgd_core.learn.expand import hessian, restrict
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import perceptron
from qgd_core.learn.pruning import prune
from qgd_core.learn.spectrum import Spectrum, hessian_spectrum, run_probes


def make_twin(seed, density, trained=0):
    """A small pruned network, after some steps of sparse gradient descent, with its exact eigenvalues."""
    data = load("wine", seed=seed)
    model = perceptron([13, 20, 3], seed=seed)
    active = prune(model, density=density)
    loss = Objective("cross_entropy", l2=1e-3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    enforce(optimizer, model, active)
    for _ in range(trained):
        optimizer.zero_grad()
        loss(model, data.train).backward()
        optimizer.step()
    function = restrict(model, loss, data.train, active)
    exact = np.linalg.eigvalsh(hessian(function, active.gather(model)))
    return model, loss, data, active, exact


def negative_mass(values):
    return np.maximum(-values, 0).sum() / np.abs(values).sum()


@pytest.mark.parametrize(("seed", "density", "trained"), [(0, 0.5, 0), (1, 0.2, 40)])
def test_estimates_against_exact_eigenvalues(seed, density, trained):
    model, loss, data, active, exact = make_twin(seed, density, trained)
    found = hessian_spectrum(model, loss, data.train, active, probes=60, steps=15, seed=seed, settle=0.01)
    assert found.size == len(exact)
    assert found.negative_mass.value == pytest.approx(negative_mass(exact), abs=0.02)
    for estimate, value in ((found.lambda_min, exact[0]), (found.lambda_max, exact[-1])):
        assert abs(estimate.value - value) <= min(0.01 * abs(value), estimate.error + 1e-10)
        assert estimate.error <= 0.01 * abs(estimate.value)
    assert abs(found.trace.value - exact.sum()) <= 4 * found.trace.error
    assert abs(found.negative_mass.value - negative_mass(exact)) <= 4 * found.negative_mass.error
    for power in (1, 2, 3, 4):
        estimate = found.moment(power)
        assert abs(estimate.value - np.mean(exact**power)) <= 4 * estimate.error
    count = found.count_below(-0.02)
    assert abs(count.value - np.sum(exact < -0.02)) <= count.error
    assert np.trapezoid(found.density, found.eigenvalues) == pytest.approx(1, abs=1e-12)
    smooth = np.exp(-((found.eigenvalues[:, None] - exact) ** 2) / (2 * 0.2**2)).mean(axis=1)
    smooth /= np.trapezoid(smooth, found.eigenvalues)
    distance = np.trapezoid(np.abs(found.smooth(found.eigenvalues, 0.2) - smooth), found.eigenvalues)
    assert distance < 0.05


def test_error_bars_cover():
    """Over 60 matrices, |estimate - exact| is below the 68% bar about two times in three, for the trace and the mass."""
    inside = {"trace": 0, "mass": 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(rng.standard_normal((80, 80)))
        values = rng.standard_normal(80) ** 3 + 0.3
        matrix = torch.from_numpy(rotation * values @ rotation.T)
        like = torch.zeros(80, dtype=torch.float64)
        found = Spectrum(run_probes(matrix.mv, like, probes=4, steps=25, seed=seed), 80)
        inside["trace"] += abs(found.trace.value - values.sum()) <= found.trace.error
        inside["mass"] += abs(found.negative_mass.value - negative_mass(values)) <= found.negative_mass.error
    assert 30 <= inside["trace"] <= 52
    assert 30 <= inside["mass"] <= 52


def test_one_probe_has_no_error_bar():
    model, loss, data, active, _ = make_twin(1, 0.2)
    found = hessian_spectrum(model, loss, data.train, active, probes=1, steps=5)
    assert found.trace.error == np.inf
    assert found.lambda_max.error < np.inf


def test_three_term_agrees_with_full_before_convergence():
    model, loss, data, active, _ = make_twin(0, 1.0)
    full, short = (
        hessian_spectrum(model, loss, data.train, active, steps=8, reorthogonalise=name)
        for name in ("full", "three-term")
    )
    assert full.trace.value == pytest.approx(short.trace.value, rel=1e-8)
    assert full.lambda_max.value == pytest.approx(short.lambda_max.value, rel=1e-8)


def test_streaming_and_checkpoint_change_nothing(tmp_path):
    model, loss, data, active, _ = make_twin(0, 0.5)
    inputs, labels = data.train
    whole = hessian_spectrum(model, loss, data.train, active, probes=2, steps=6)
    parts = list(zip(inputs.split(30), labels.split(30), strict=True))
    done = []

    def stop(step, total):
        done.append((step, total))
        if len(done) == 8:
            raise KeyboardInterrupt

    options = {"probes": 2, "steps": 6, "checkpoint": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        hessian_spectrum(model, loss, parts, active, progress=stop, graph_limit=0, **options)
    assert done[-1] == (8, 12)
    done.clear()
    resumed = hessian_spectrum(
        model, loss, parts, active, progress=lambda *step: done.append(step), **options
    )
    assert done == [(step, 12) for step in (9, 10, 11, 12)]
    np.testing.assert_allclose(resumed.density, whole.density, rtol=0, atol=1e-9)
    with pytest.raises(ConfigError, match="another run"):
        hessian_spectrum(model, loss, parts, active, seed=5, **options)


def test_bfloat16_warns_and_keeps_the_extremes():
    model, loss, data, active, exact = make_twin(0, 1.0)
    with pytest.warns(UserWarning, match="few percent"):
        found = hessian_spectrum(model, loss, data.train, active, steps=15, dtype=torch.bfloat16)
    assert found.lambda_max.value == pytest.approx(exact[-1], rel=0.1)


@pytest.mark.parametrize("options", [{"probes": 0}, {"steps": 0}, {"reorthogonalise": "some"}])
def test_bad_input_is_named(options):
    model, loss, data, active, _ = make_twin(1, 0.2)
    with pytest.raises(ConfigError):
        hessian_spectrum(model, loss, data.train, active, **options)
