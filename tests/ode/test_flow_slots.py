"""A Carleman flow in slots: trapezoid and Taylor histories from one encoding of F0, F1 and F2, nothing assembled."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings.flow_slots import FlowSlots
from qgd_core.errors import ConfigError
from qgd_core.ode import trapezoid
from qgd_core.ode.flow import LinearODE
from qgd_core.ode.taylor import (
    plan_taylor_history_kernel,
    plan_taylor_history_qsvt,
    plan_taylor_marching,
    taylor_steps,
)
from qgd_core.ode.trapezoid import lay_out_trapezoid, plan_trapezoid_kernel, plan_trapezoid_qsvt

UNIT = 1.3
PLANS = [
    plan_trapezoid_kernel,
    plan_trapezoid_qsvt,
    plan_taylor_marching,
    plan_taylor_history_kernel,
    plan_taylor_history_qsvt,
]


def problem(n, force=0.05, time=0.7, structured=True):
    """Diffusion with advection and a force, from a bump."""
    linear = -0.6 * np.eye(n) + 0.2 * np.eye(n, k=1) + 0.25 * np.eye(n, k=-1)
    square = np.zeros((n, n, n))
    for i in range(n - 1):
        square[i, i, i + 1], square[i + 1, i + 1, i] = 0.15, -0.1
    source = force * np.cos(np.arange(n) + 1.0)[:, np.newaxis]
    field = PolynomialField({0: source, 1: linear, 2: square.reshape(n, n * n)})
    start = 0.3 * np.sin(np.arange(n) + 0.5)
    system = carleman(field, order=2, form="continuous", basis="kronecker", scale=UNIT)
    lifted = np.concatenate([UNIT * start, np.kron(UNIT * start, UNIT * start)])
    b = np.append(UNIT * source[:, 0], np.zeros(n * n))
    slots = FlowSlots(field, start, UNIT) if structured else None
    return LinearODE(system.matrix, b, lifted, time, wanted=range(n), structure=slots)


def truth(ode):
    a = ode.matrix.toarray()
    run = solve_ivp(lambda _, z: a @ z + ode.b, (0.0, ode.time), ode.z0, "DOP853", rtol=1e-12, atol=1e-13)
    return run.y[list(ode.wanted), -1]


def by_trapezoid(ode, steps):
    a, h, z = ode.matrix.toarray(), ode.time / steps, ode.z0
    one = np.eye(z.size)
    for _ in range(steps):
        z = np.linalg.solve(one - h / 2 * a, (one + h / 2 * a) @ z + h * ode.b)
    return z[list(ode.wanted)]


@pytest.mark.parametrize("force", [0.0, 0.05])
@pytest.mark.parametrize(("steps", "n_time"), [(1, 1), (3, 2), (5, 4)])
@pytest.mark.parametrize("n", [2, 3])
def test_the_copies_hold_the_trapezoid_rule(n, steps, n_time, force):
    ode = problem(n, force)
    history = lay_out_trapezoid(ode, steps, n_time)
    assert history.realisation.method == "slot_flow"
    x = np.linalg.solve(history.encoding.target.toarray(), history.right)
    x = x.reshape(history.blocks, -1) * np.linalg.norm(history.realisation.start)
    size = 2**history.realisation.readout.n_slot
    ends = x[history.blocks - history.copies :, size : size + n]
    np.testing.assert_allclose(ends, np.tile(by_trapezoid(ode, steps), (len(ends), 1)), rtol=0, atol=1e-11)
    np.testing.assert_allclose(x[history.first :, 0], history.constant, rtol=0, atol=1e-11)
    assert np.all(np.linalg.norm(x[history.first :], axis=1) <= history.sizes + 1e-11)
    used = history._supported
    values = np.linalg.svd(history.encoding.target.toarray()[np.ix_(used, used)], compute_uv=False)
    assert 1.0 / history.inverse <= history.smallest <= values[-1]


@pytest.mark.parametrize("eps", [0.1, 1e-5])
@pytest.mark.parametrize("force", [0.0, 0.05])
def test_taylor_steps_in_slots_are_the_recurrence(eps, force):
    ode = problem(3, force)
    steps = taylor_steps(ode, eps)
    assert np.linalg.norm(steps.classical() - truth(ode)) <= eps * ode.unit
    laid = steps.structure.realise(steps.wanted, steps.bound())
    x = laid.start
    for _ in range(steps.steps):
        x = laid.encodings[0].target @ x
    size = 2**laid.readout.n_slot
    np.testing.assert_allclose(x[size : size + 3], steps.classical(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", PLANS)
def test_every_route_takes_the_slots_and_stays_within_its_shares(make):
    ode = problem(2)
    route = make(ode, 0.1)
    # Marching compares with the entries too.
    compared = [route, *route.losers] if make is plan_taylor_marching else [route]
    assert any("slot_flow" in one.parameters["encoding"] for one in compared)
    found, budget = route.emulate(), route.error_budget
    exact = np.linalg.norm(found.value - truth(ode))
    assert exact <= (budget.discretisation + budget.polynomial) * ode.unit + 1e-10
    assert route.success_probability <= found.accepted + 1e-12


def test_entries_serve_as_before():
    assert plan_trapezoid_kernel(problem(2), 0.1, "svd").parameters["encoding"] == "history of svd"
    assert "slot_flow" not in plan_trapezoid_kernel(problem(2, structured=False), 0.1).parameters["encoding"]


def test_only_variables_can_be_read():
    ode = problem(2)
    with pytest.raises(ConfigError, match="wanted"):
        ode.structure.realise((0, 2), 1.0)


def lost_source(monkeypatch):
    kept = FlowSlots.generator

    def without(self, scale):
        field = PolynomialField({k: self.field.coefficient(k) for k in (1, 2)})
        return kept(FlowSlots(field, self.start, self.unit), scale)

    monkeypatch.setattr(FlowSlots, "generator", without)


def wrong_scale(monkeypatch):
    kept = FlowSlots.generator
    monkeypatch.setattr(FlowSlots, "generator", lambda self, scale: kept(self, 1.5 * scale))


@pytest.mark.parametrize("plant", [lost_source, wrong_scale])
@pytest.mark.parametrize("make", [trapezoid.plan_trapezoid_qsvt, plan_taylor_history_qsvt])
def test_planted_bugs_are_caught(make, plant, monkeypatch):
    plant(monkeypatch)
    ode = problem(2, force=0.2)
    route = make(ode, 0.02)
    share = route.error_budget.discretisation + route.error_budget.polynomial
    assert np.linalg.norm(route.emulate().value - truth(ode)) > share * ode.unit
