import pytest

from qgd_core.errors import ConfigError
from qgd_core.planner import solvers
from qgd_core.planner.solvers import SOLVERS, check_solver, list_solvers


def test_every_solver_of_the_table_is_listed_with_its_problem_and_a_summary():
    assert [row["name"] for row in list_solvers()] == list(SOLVERS)
    assert {row["problem"] for row in list_solvers()} == {"LinearSystem", "LinearRecurrence", "LinearODE"}
    assert all(row["summary"] for row in list_solvers())


@pytest.mark.parametrize("name", [*SOLVERS, "auto"])
def test_every_name_of_the_table_is_taken_and_plans_by_the_function_of_that_name(name):
    check_solver(name)
    assert name == "auto" or SOLVERS[name].make_plan is getattr(solvers, f"plan_{name}")


def test_an_unknown_name_offers_the_nearest_one():
    with pytest.raises(ConfigError, match="Did you mean 'history_qsvt'"):
        check_solver("history_qsv")
