"""The main job on every built-in backend and on Qiskit: the same circuits, so the same weights."""

from pathlib import Path

import numpy as np
import pytest

from qgd_core.config import read_config
from qgd_core.learn.trainer import train

EXAMPLE = Path(__file__).parents[1] / "examples" / "breast_cancer.toml"


def run(backend, *changes):
    records = []
    config = read_config(EXAMPLE, [f"backend={backend}", *changes])
    summary = train(config, on_window=lambda record, state: records.append(record)).summary
    return records, summary


@pytest.fixture(scope="module")
def emulated():
    return run("emulator", "accuracy.shots=none")[0]


@pytest.mark.parametrize("backend", ["reference", "qiskit:aer"])
def test_gate_level_and_emulation_give_the_same_exact_weights(backend, emulated):
    records, _ = run(backend, "accuracy.shots=none")
    assert len(records) == len(emulated) == 3
    for ours, theirs in zip(records, emulated, strict=True):
        assert ours["status"] == theirs["status"] == "quantum"
        np.testing.assert_allclose(
            ours["weights"]["quantum"], theirs["weights"]["quantum"], rtol=0, atol=1e-9
        )
        assert ours["resources"]["success_probability"] == pytest.approx(
            theirs["resources"]["success_probability"], rel=0, abs=1e-9
        )


@pytest.mark.parametrize("backend", ["emulator", "reference", "qiskit:aer"])
def test_every_sampled_window_keeps_its_budgets_within_the_allowed_cost(backend):
    records, summary = run(backend)
    for record in records:
        assert record["status"] == "quantum", record["reason"]
        assert record["resources"]["qubits"] <= 16
        assert record["resources"]["two_qubit"] <= 5000
        errors = record["errors"]
        assert errors["vs_carleman"] <= errors["vs_carleman_budget"]
        assert errors["vs_gd"] <= errors["vs_gd_budget"]
    assert summary["pruned"]["loss"] == pytest.approx(0.39, rel=0, abs=0.01)
    assert summary["quantum"]["loss"] == pytest.approx(0.32, rel=0, abs=0.01)
    assert summary["quantum"]["loss"] == pytest.approx(summary["classical"]["loss"], rel=0, abs=1e-4)
    assert 0.90 <= summary["quantum"]["accuracy"] <= 0.95
