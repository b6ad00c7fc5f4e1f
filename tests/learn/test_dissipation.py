import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.dissipation import Dissipation, dissipation_report
from qgd_core.learn.proxy import error_proxy

TINY = {
    "limit": 40,
    "batch": 16,
    "dense_steps": 4,
    "cycles": 2,
    "classical_steps": 2,
    "cycle_steps": 6,
    "every": 2,
    "samples": 8,
    "probes": 1,
    "lanczos_steps": 4,
    "cutoff": 0.0,
}


@pytest.fixture(scope="module")
def report():
    said = []
    found = dissipation_report(Dissipation(**TINY), said.append)
    assert len(said) == len(found.snapshots)
    return found


def test_stages_follow_the_papers_scheme(report):
    stages = [(shot.step, shot.stage) for shot in report.snapshots]
    assert stages == [
        (0, "dense"),
        (2, "pruned"),
        (4, "sparse"),
        (6, "sparse"),
        (8, "pruned"),
        (10, "sparse"),
        (12, "sparse"),
    ]
    assert [upload.step for upload in report.uploads] == [2, 8]


def test_history_holds_both_accuracies_at_every_snapshot(report):
    noted = {step: (test, dense) for step, _, test, dense in report.history}
    for shot in report.snapshots:
        assert noted[shot.step] == (shot.accuracy, shot.stage == "dense")
    assert all(0 <= training <= 1 for _, training, _, _ in report.history)


def test_looks_add_snapshots_and_settling_takes_new_statistics():
    short = {key: value for key, value in TINY.items() if key != "every"} | {"cycles": 1, "cycle_steps": 8}
    settled = dissipation_report(Dissipation(**short, every=3, looks=(1, 4, 50)))
    assert [shot.step for shot in settled.snapshots] == [0, 2, 3, 5, 6, 8]
    stale = dissipation_report(Dissipation(**short, every=3, settle=False))
    assert stale.snapshots[0].loss == settled.snapshots[0].loss
    assert stale.snapshots[1].loss != settled.snapshots[1].loss


def test_active_weights_are_a_tenth_and_the_rest(report):
    whole, *sparse = [len(shot.active) for shot in report.snapshots]
    assert whole == report.snapshots[0].spectrum.size
    assert len(set(sparse)) == 1
    assert 0.1 * whole < sparse[0] < 0.12 * whole


def test_proxy_is_that_of_the_spectrum_at_the_upload(report):
    spectrum = report.snapshots[1].spectrum
    upload = report.uploads[0]
    expected = error_proxy(spectrum.eigenvalues, spectrum.density, 0.01, np.arange(7), 0.0)
    np.testing.assert_array_equal(upload.proxy, expected)
    probe = spectrum.probes[0]
    exact = [probe.weights @ np.abs(1 - 0.01 * probe.nodes) ** step for step in range(7)]
    np.testing.assert_allclose(upload.exact, exact, rtol=0, atol=1e-9 * max(exact))
    assert upload.sensitivity


def test_same_seed_same_report(report):
    torch.manual_seed(123)
    again = dissipation_report(Dissipation(**TINY))
    for one, two in zip(report.snapshots, again.snapshots, strict=True):
        assert one.loss == pytest.approx(two.loss, abs=1e-5)
        assert one.spectrum.lambda_max.value == pytest.approx(two.spectrum.lambda_max.value, rel=1e-3)


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="classical_steps"):
        dissipation_report(Dissipation(classical_steps=5, cycle_steps=4))
    with pytest.raises(ConfigError, match="no file"):
        dissipation_report(Dissipation(cifar100="/nowhere"))
