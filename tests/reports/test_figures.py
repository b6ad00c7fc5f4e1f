from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qgd_core.reports.figures import draw_errors, draw_figures, draw_training
from qgd_core.reports.run import Run

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def windows(make_window: Make) -> list[dict[str, Any]]:
    return [make_window(1, "classical", "refused"), make_window(2), make_window(3)]


def lines(axis: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in axis.get_lines()}


def test_training_draws_both_routes_over_all_windows(windows: list[dict[str, Any]]) -> None:
    loss, accuracy = draw_training(windows).axes
    classical, quantum = (
        lines(loss)[name] for name in ("classical gradient descent", "quantum windows, read out")
    )
    assert list(classical.get_xdata()) == list(range(16))
    assert list(quantum.get_xdata()) == [0, 5, 10, 15]
    assert quantum.get_ydata()[-1] == windows[-1]["trajectory"]["loss_quantum"][-1]
    assert list(lines(accuracy)["quantum windows, read out"].get_ydata()) == [0.92, 0.92, 0.92, 0.925]
    [band] = loss.patches
    assert (band.get_x(), band.get_width()) == (0, 5)


def test_errors_stand_beside_their_budgets_on_a_log_scale(windows: list[dict[str, Any]]) -> None:
    [axis] = draw_errors(windows).axes
    assert axis.get_yscale() == "log"
    drawn = [(round(float(line.get_xdata()[0]), 2), line.get_ydata()[0]) for line in axis.get_lines()]
    assert {(1.0, 0.0617), (1.0, 0.05), (0.75, 0.004), (0.75, 0.03), (2.0, 0.0117)} <= set(drawn)
    assert not [x for x, _ in drawn if x in (-0.25, 0.0)]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert len(labels) == len(set(labels)) == 7
    assert axis.get_xticklabels()[0].get_text() == "window 1\n(classical)"


def test_the_files_are_whole_and_the_same_every_time(tmp_path: Path, windows: list[dict[str, Any]]) -> None:
    run = Run.create(tmp_path, "job", "", {})
    for window in windows:
        run.add_window(window, None)
    first = draw_figures(run)
    assert sorted(path.name for path in (run.path / "figures").iterdir()) == [
        *("errors.png", "errors.svg", "training.png", "training.svg")
    ]
    assert all((run.path / "figures" / f"{name}.svg").read_text() == text for name, text in first.items())
    assert (run.path / "figures" / "errors.png").read_bytes().startswith(b"\x89PNG")
    assert draw_figures(run) == first
