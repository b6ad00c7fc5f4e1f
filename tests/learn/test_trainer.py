import json

import numpy as np
import pytest
from scipy.optimize import minimize

from qgd_core.config import Config
from qgd_core.errors import ConfigError, NotDissipative, UnknownBackend
from qgd_core.learn.data import load
from qgd_core.learn.problem import build_problem, fit_dense
from qgd_core.learn.trainer import train


def config(**changes):
    tables = {
        "backend": "emulator",
        "data": {"test_fraction": 0.3},
        "windows": {"count": 3, "steps": 6},
        "accuracy": {"shots": 400_000},
    }
    for key, value in changes.items():
        folder, _, leaf = key.rpartition("__")
        (tables.setdefault(folder, {}) if folder else tables)[leaf] = value
    return Config.model_validate(tables)


def run(settings, **options):
    records, states = [], []

    def keep(record, state):
        # Through JSON and back, as a run folder stores them.
        records.append(json.loads(json.dumps(record)))
        states.append(json.loads(json.dumps(state)))

    return train(settings, on_window=keep, **options).summary, records, states


def test_three_windows_of_the_main_job_follow_gradient_descent():
    summary, records, _ = run(config())
    assert [record["status"] for record in records] == ["quantum"] * 3
    for record in records:
        errors = record["errors"]
        assert errors["vs_gd"] <= errors["vs_gd_budget"]
        assert errors["vs_carleman"] <= errors["vs_carleman_budget"]
        assert errors["exact_vs_carleman"] <= 1e-9
        # Without shot noise the window beats the affine model: Carleman is what does it.
        assert errors["exact_vs_gd"] < 0.5 * record["controls"]["affine"]
        shares = {key: value for key, value in record["budget"].items() if key != "total"}
        assert sum(shares.values()) == pytest.approx(record["budget"]["total"], rel=0, abs=1e-15)
    # Each window starts where the last one ended: the classical rivals leave no trace in the model.
    traced = [record["trajectory"]["loss_quantum"] for record in records]
    assert [window[0] for window in traced] == [
        summary["pruned"]["loss"],
        *(window[-1] for window in traced[:-1]),
    ]
    assert summary["quantum"]["loss"] == traced[-1][-1] == records[-1]["loss"]["quantum"]
    assert summary["quantum"]["loss"] == pytest.approx(summary["classical"]["loss"], rel=0, abs=1e-4)
    assert summary["classical"]["loss"] < summary["pruned"]["loss"] - 0.05


def test_the_classical_run_is_plain_gradient_descent():
    _, records, _ = run(config(accuracy__shots="none"))
    data = load("breast_cancer", 0.3, seed=0)
    x, y = data.x_train.numpy(), data.y_train.numpy()

    def loss_and_slope(w, columns):
        margins = y * (x[:, columns] @ w)
        slope = -(x[:, columns] * (y / (1 + np.exp(margins)))[:, np.newaxis]).mean(axis=0) + 0.1 * w
        return np.logaddexp(0, -margins).mean() + 0.05 * w @ w, slope

    every = np.arange(30)
    dense = minimize(
        loss_and_slope, np.zeros(30), args=(every,), jac=True, tol=1e-14, options={"gtol": 1e-10}
    ).x
    kept = np.sort(np.argsort(-np.abs(dense))[:4])
    w, losses = dense[kept], []
    for _ in range(18):
        w = w - loss_and_slope(w, kept)[1]
        losses.append(loss_and_slope(w, kept)[0])
    np.testing.assert_allclose(records[-1]["weights"]["classical"], w, rtol=0, atol=1e-7)
    traced = [value for record in records for value in record["trajectory"]["loss_classical"][1:]]
    np.testing.assert_allclose(traced, losses, rtol=0, atol=1e-8)
    # The quantum run's losses are those of the weights its windows returned.
    for record in records:
        ours = loss_and_slope(np.array(record["weights"]["quantum"]), kept)[0]
        assert record["trajectory"]["loss_quantum"][-1] == pytest.approx(ours, rel=0, abs=1e-12)


def test_a_resumed_run_ends_exactly_as_an_unbroken_one():
    whole, records, states = run(config())
    for done in (1, 2):
        summary, rest, _ = run(config(), start=states[done - 1])
        assert summary == whole
        for ours, theirs in zip(rest, records[done:], strict=True):
            for record in (ours, theirs):
                record.get("centre", {}).pop("seconds", None)
            assert ours == theirs


def test_a_refused_window_is_done_classically_and_the_run_goes_on():
    summary, records, _ = run(config(accuracy__budget=0.01, accuracy__shots="auto"))
    assert records[0]["status"] == "classical"
    assert "budget" in records[0]["reason"]
    assert records[-1]["status"] == "quantum"
    assert summary["quantum"]["loss"] == pytest.approx(summary["classical"]["loss"], rel=0, abs=1e-4)


def test_the_dense_fit_is_the_minimum_and_an_unbounded_problem_says_so():
    problem = build_problem(config())
    fit_dense(problem)
    problem.closure().backward()
    assert float(problem.model.weight.grad.norm()) < 1e-8
    with pytest.raises(NotDissipative, match="singular"):
        fit_dense(build_problem(config(model__l2=0.0)))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data__name": "breast_cancr"}, ConfigError, "breast_cancer"),
        ({"model__kind": "logistc"}, ConfigError, "Did you mean 'logistic'"),
        ({"data__name": "diabetes"}, ConfigError, "linear"),
        ({"backend": "qiskt:aer"}, UnknownBackend, "qiskt"),
        ({"prune__keep": 31}, ConfigError, "31"),
        ({"windows__solver": "marchng"}, ConfigError, "marching"),
    ],
)
def test_bad_input_is_named_before_anything_is_kept(changes, error, message):
    with pytest.raises(error, match=message):
        run(config(**changes))
