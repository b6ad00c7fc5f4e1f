import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from qgd_core.reports.tables import end_table, find, for_terminal, refusals, verdict, window_tables

Make = Callable[..., dict[str, Any]]


def draw(*tables: Any, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, markup=False)
    for table in tables:
        console.print(for_terminal(table))
    return stream.getvalue()


def test_find_follows_dots_and_stops_at_gaps() -> None:
    record = {"a": {"b": 0}, "c": None}
    assert (find(record, "a.b"), find(record, "a.x"), find(record, "c.x"), find(record, "a.b.c")) == (
        0,
        None,
        None,
        None,
    )


def test_every_number_asked_for_stands_in_the_table(make_window: Make) -> None:
    text = draw(*window_tables([make_window(1)]))
    for number in (
        *(
            "-0.0123",
            "1.05",
            "newton (1)",
            "2 grad, 3 hess",
            "14",
            "1,004",
            "970",
            "48,321",
            "0.333",
            "2,000,000",
        ),
        *("0.008 / 0.03", "0.0117 / 0.05", "0.0023", "0.0041", "0.27", "0.016", "0.21", "0.65"),
        *("0.0051 / 0.0062", "0.0019", "37", "5", "minibatch"),
    ):
        assert f" {number} " in text


def test_a_refused_window_shows_no_cost_and_no_error(make_window: Make) -> None:
    [table] = window_tables([make_window(2, "classical", "the norm is 3")])
    rows = {row[0]: row[1] for row in table.rows}
    assert rows["run as"] == "classical"
    assert {
        rows["qubits"],
        rows["shots"],
        rows["error / budget: gradient descent"],
        rows["nonlinearity R"],
    } == {"-"}


def test_many_windows_fit_a_hundred_columns_uncut(make_window: Make, summary: dict[str, Any]) -> None:
    tables = window_tables([make_window(index) for index in range(1, 9)])
    assert [len(table.heads) for table in tables] == [4, 4, 3]
    text = draw(*tables, end_table(summary))
    assert max(map(len, text.splitlines())) <= 100
    assert text == draw(*tables, end_table(summary), width=200)
    for table in tables:
        for row in table.rows:
            assert all(cell in text for cell in row)


def test_the_end_table_sets_the_three_models_side_by_side(summary: dict[str, Any]) -> None:
    assert [row[1:] for row in end_table(summary).rows] == [
        ("0.3901", "0.9181"),
        ("0.3192", "0.9302"),
        ("0.3193", "0.9303"),
    ]


def test_a_loss_that_blew_up_stays_short(make_window: Make) -> None:
    [table] = window_tables([make_window(1) | {"loss": {"quantum": 1.5e19, "classical": 9999.0}}])
    assert [row[1] for row in table.rows if row[0].startswith("loss")] == ["1.500e+19", "9999.0000"]


def test_the_verdict_counts_budgets_kept_and_controls_beaten(make_window: Make) -> None:
    windows = [make_window(1), make_window(2), make_window(3, "classical", "the norm is 3.")]
    assert verdict(windows) == (
        "2 of 3 windows took the quantum route; 1 of them kept within both budgets. "
        "1 of them came nearer to gradient descent than the affine model (N = 1) does; without shot noise, 2."
    )
    assert verdict(windows[2:]) == "None of the 1 windows took the quantum route."
    assert refusals(windows) == ["Window 3 was done classically: the norm is 3."]


@pytest.mark.parametrize("missing", ["vs_gd", "vs_gd_budget", "vs_carleman"])
def test_a_missing_number_is_never_within_budget(make_window: Make, missing: str) -> None:
    record = make_window(1)
    del record["errors"][missing]
    assert "0 of them kept" in verdict([record])
