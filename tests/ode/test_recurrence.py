import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.recurrence import history_system, plan_history_kernel, plan_history_qsvt
from qgd_core.planner.choose import plan
from qgd_core.planner.solve import run_plan

M = np.array([[0.7, 0.2], [-0.1, 0.6]])
PROBLEMS = {
    "homogeneous": LinearRecurrence(M, None, [1.0, -0.5], 3),
    "source": LinearRecurrence(M, [0.1, -0.3], [1.0, -0.5], 2),
    "zero start": LinearRecurrence(M, [0.1, -0.3], [0.0, 0.0], 3),
    "some entries": LinearRecurrence([[0.9, 0.1], [0.0, -0.4]], [0.1, 0.2], [1.0, 1.0], 2, wanted=[1]),
    "a matrix a step": LinearRecurrence([M, M.T, 0.5 * M], [0.1, 0.2], [1.0, 0.3], 3),
    "one entry": LinearRecurrence([[0.5]], [0.25], [-1.0], 3),
}
PLANS = [plan_history_qsvt, plan_history_kernel]


def check(route, problem):
    """Hold a plan to the recurrence itself, and its circuit to its emulation."""
    z = problem.z0
    for t in range(problem.steps):
        z = problem.matrix_at(t) @ z + problem.source_at(t)
    z = z[list(problem.wanted)]
    share = route.error_budget.polynomial * problem.unit
    assert np.linalg.norm(route.emulate().value - z) <= share + 1e-10
    program = route.compile()
    amplitudes = simulate(program.circuit)[: 2**program.circuit.n_bits]
    branch = program.branch()
    turn = np.vdot(branch, amplitudes)
    np.testing.assert_allclose(amplitudes, branch * turn / abs(turn), rtol=0, atol=1e-9)
    assert np.linalg.norm(route.read_amplitudes(amplitudes).value - z) <= share + 1e-8
    assert route.success_probability <= np.vdot(amplitudes, amplitudes).real + 1e-12
    assert cost(program.circuit).two_qubit <= route.resources.two_qubit


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_gates_emulation_and_the_recurrence_agree(name, make):
    if make is plan_history_qsvt or name in ("one entry", "source"):
        idle = 1 if make is plan_history_kernel else None
        check(make(PROBLEMS[name], 0.2, "svd", idle, assembled=True), PROBLEMS[name])


@pytest.mark.parametrize("make", PLANS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_emulated_error_stays_below_its_share(name, make):
    problem = PROBLEMS[name]
    route = make(problem, 1e-5, "svd")
    error = np.linalg.norm(route.emulate().value - problem.classical())
    assert error <= route.error_budget.polynomial * problem.unit + 1e-10
    assert route.error_budget.total == pytest.approx(1e-5)


@pytest.mark.parametrize("make", PLANS)
def test_planned_shots_keep_the_whole_error_below_eps(make):
    problem = PROBLEMS["source"]
    route = make(problem, 0.1, "svd")
    machine = get_backend("emulator")
    errors = [
        np.linalg.norm(run_plan(route, machine, route.shots, s).value - problem.classical()) for s in range(6)
    ]
    assert max(errors) <= 0.1 * problem.unit


@pytest.mark.parametrize("idle", [None, 0, 3])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_history_holds_every_step_and_repeats_the_last(name, idle):
    problem = PROBLEMS[name]
    system = history_system(problem, idle)
    n = problem.z0.size
    x = np.linalg.solve(system.matrix.toarray(), system.b).reshape(-1, n)
    z = problem.z0
    for t in range(problem.steps):
        np.testing.assert_allclose(x[t], z, rtol=0, atol=1e-12)
        z = problem.matrix_at(t) @ z + problem.source_at(t)
    np.testing.assert_allclose(
        x[problem.steps :], np.tile(z, (len(x) - problem.steps, 1)), rtol=0, atol=1e-12
    )
    copies = len(x) - problem.steps
    assert system.wanted.shape == (len(problem.wanted), copies)
    assert idle is None or copies == idle + 1
    assert idle is not None or copies > problem.steps


def test_idle_rows_save_shots():
    problem = PROBLEMS["homogeneous"]
    assert (
        plan_history_kernel(problem, 0.1, "svd").shots
        < plan_history_kernel(problem, 0.1, "svd", idle=0).shots
    )


def test_a_negative_idle_is_refused():
    with pytest.raises(ConfigError, match="idle"):
        history_system(PROBLEMS["source"], -1)


def test_a_history_too_large_for_its_entries_is_refused():
    problem = LinearRecurrence(0.5 * sp.eye_array(100), None, np.ones(100), 60)
    with pytest.raises(PrecisionUnreachable, match="12800 rows") as caught:
        plan_history_qsvt(problem, 0.1, assembled=True)
    # No error is in reach that way, and the number of rows is none.
    assert caught.value.value is None


def test_the_condition_number_saturates_for_contractions():
    """Theorem 1 of arXiv:2303.03428: kappa of a dissipative history stops growing; a zero mode makes it grow with T."""
    rise = {}
    for name, rate in (("dissipative", 0.6), ("zero mode", 1.0)):
        pair = [
            history_system(LinearRecurrence(np.diag([rate, 0.5]), None, [1.0, 1.0], steps), 0).condition
            for steps in (20, 40)
        ]
        rise[name] = pair[1] / pair[0]
    assert rise["dissipative"] < 1.05
    assert 1.8 < rise["zero mode"] < 2.2


@pytest.mark.parametrize(
    ("matrix", "low", "high"),
    [
        ([[0.8, 0.0], [0.0, 0.5]], 0.7, 1.1),
        ([[1.0, 0.0], [0.3, 0.5]], 0.9, 1.15),
        ([[1.0, 0.2], [0.0, 1.0]], 1.6, 2.1),
    ],
    ids=["dissipative", "bounded powers", "powers that grow like T"],
)
def test_queries_grow_like_the_time_or_its_square(matrix, low, high):
    """Theorems 1 and 2 of arXiv:2303.03428: O(T), and O(T^2) where powers of the step grow; T idle rows each."""
    times = [10, 20, 40]
    queries = [
        plan_history_kernel(
            LinearRecurrence(matrix, None, [1.0, 1.0], t), 0.05, "svd", idle=t, assembled=True
        ).queries
        for t in times
    ]
    assert low < np.polyfit(np.log(times), np.log(queries), 1)[0] < high


def test_the_planner_looks_at_histories_where_marching_is_rarely_accepted():
    # Its norm grows, so that amplification does not help either.
    best = plan(LinearRecurrence([[1.35]], None, [1.0], 12), 0.1)
    assert {best.solver, *(one.solver for one in best.losers)} == {
        "marching",
        "history_qsvt",
        "history_kernel",
    }
    assert plan(PROBLEMS["one entry"], 0.1).solver == "marching"


def idle_off_by_one(monkeypatch):
    """The copies are sought one block too early."""
    from qgd_core.ode import recurrence

    kept = recurrence.LinearSystem

    def early(matrix, b, wanted, **known):
        n = matrix.shape[0] // 4
        return kept(matrix, b, [[i - n for i in group] for group in wanted], **known)

    monkeypatch.setattr(recurrence, "LinearSystem", early)


def lower_blocks_not_negated(monkeypatch):
    from qgd_core.ode import recurrence

    kept = recurrence.LinearSystem

    def plus(matrix, b, wanted, **known):
        eye = sp.eye_array(matrix.shape[0])
        return kept(sp.csr_array(2 * eye - matrix), b, wanted, **known)

    monkeypatch.setattr(recurrence, "LinearSystem", plus)


@pytest.mark.parametrize("plant", [idle_off_by_one, lower_blocks_not_negated])
def test_planted_bugs_are_caught(plant, monkeypatch):
    plant(monkeypatch)
    problem = PROBLEMS["source"]
    with pytest.raises(AssertionError):
        check(plan_history_qsvt(problem, 0.1, "svd", idle=1, assembled=True), problem)
