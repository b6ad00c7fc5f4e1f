import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import cost
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.linear.amplify import amplify, most_rounds
from qgd_core.linear.cks import plan_cks
from qgd_core.linear.qsvt import plan_qsvt
from qgd_core.linear.system import LinearSystem
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching
from qgd_core.planner.solve import run_plan

HARD = LinearSystem([[1.0, 0.6], [0.6, 0.5]], [1.0, -0.3], bound=8.2, floor=-6.5)
GROWING = LinearRecurrence([[1.2, 0.3], [0.0, 1.1]], None, [1.0, -1.0], 3)
ROUTES = {
    "inverse": (lambda: plan_qsvt(HARD, 0.1, "svd"), None),
    "first series": (lambda: plan_cks(HARD, 0.5, "svd"), None),
    "steps, counted": (lambda: plan_marching(GROWING, 0.1, "row_column"), 1),
}


@pytest.mark.parametrize("name", ROUTES)
def test_gates_emulation_and_the_plain_route_agree(name):
    make, rounds = ROUTES[name]
    plain = make()
    plan = amplify(plain, rounds)
    expected, found = plain.emulate(), plan.emulate()
    np.testing.assert_allclose(found.value, expected.value, rtol=0, atol=1e-9)
    assert plain.emulate().accepted <= plain.most_accepted
    turned = np.sin((plan.parameters["amplification rounds"] * 2 + 1) * np.arcsin(np.sqrt(expected.accepted)))
    assert found.accepted == pytest.approx(turned**2, rel=0, abs=1e-10)
    program = plan.compile()
    amplitudes = get_backend("reference").compile(program).amplitudes()
    assert np.linalg.norm(simulate(program.circuit)) ** 2 == pytest.approx(found.accepted, rel=0, abs=1e-9)
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(program.branch()), rtol=0, atol=1e-9)
    built = cost(program.circuit)
    assert built.two_qubit <= plan.resources.two_qubit
    assert built.rotations <= plan.resources.rotations
    assert lower(program.circuit).n_qubits <= plan.qubits
    assert plan.success_probability <= found.accepted + 1e-12


def test_gates_per_success_fall_where_success_is_rare(peers):
    plain = plan_qsvt(LinearSystem(*peers[16]), 2.5e-2, "band", share=0.999)
    plan = amplify(plain)
    before, after = plain.emulate(), plan.emulate()
    np.testing.assert_allclose(after.value, before.value, rtol=0, atol=1e-10)
    assert plan.resources.two_qubit / after.accepted < 0.6 * plain.resources.two_qubit / before.accepted
    # 30 times below NWQLib's state of no smaller error, nothing known beforehand.
    x = np.linalg.solve(*peers[16])
    assert np.linalg.norm(after.value - x) <= 4.8e-3 * np.linalg.norm(x)
    assert plan.resources.two_qubit / after.accepted <= 114_716 / 0.104 / 30.0
    # Shots suffice for the gain that this success sees, which is below the gain of a rarer one, and still pay.
    assert plan.shots >= plain.shots * before.accepted / after.accepted
    assert plan.resources.two_qubit * plan.shots < 0.8 * plain.resources.two_qubit * plain.shots


def test_planned_shots_keep_the_whole_error_below_eps():
    plan = amplify(plan_qsvt(HARD, 0.2, "svd"), 1)
    machine = get_backend("emulator")
    truth = np.linalg.solve(HARD.matrix.toarray(), HARD.b)
    errors = [np.linalg.norm(run_plan(plan, machine, plan.shots, seed).value - truth) for seed in range(12)]
    assert max(errors) <= 0.2 * HARD.unit


@pytest.mark.parametrize("most", [1e-6, 1e-3, 0.1, 0.2499, 0.3, 1.0])
def test_the_bound_on_success_is_never_overshot(most):
    rounds = most_rounds(most)
    assert (2 * rounds + 1) * np.arcsin(np.sqrt(most)) <= np.pi / 2 + 1e-12
    assert (2 * rounds + 3) * np.arcsin(np.sqrt(most)) > np.pi / 2 - 1e-12


def test_an_overshot_success_gives_the_wrong_scale():
    plain = plan_qsvt(HARD, 0.1, "svd")
    plan = amplify(plain, 20)
    assert not np.allclose(plan.emulate().value, plain.emulate().value, rtol=0, atol=1e-3)
