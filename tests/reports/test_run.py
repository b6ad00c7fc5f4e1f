import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qgd_core.errors import ConfigError, ResultMissing
from qgd_core.reports import run as run_module
from qgd_core.reports.run import Run, check_writable, list_runs, write

Make = Callable[..., dict[str, Any]]
STATE = {"weights": [0.1 + 0.2, -1e-300], "generator": [2**63 + 1]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "job", "seed = 0\n", {"seed": 0})


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def test_a_new_run_is_complete_and_alone_in_its_folder(run: Run) -> None:
    assert run.path.name == "job-001"
    assert sorted(path.name for path in run.path.parent.iterdir()) == ["job-001"]
    assert sorted(path.name for path in run.path.iterdir()) == ["config.toml", "metrics.jsonl"]
    assert lines(run) == [{"event": "start", "seed": 0}]


def test_names_are_numbered_apart(run: Run, tmp_path: Path) -> None:
    parent = run.path.parent
    again = Run.create(parent, "job", "", {})
    other = Run.create(parent, "job-two", "", {})
    strange = Run.create(parent, "job[1]", "", {})
    assert [path.name for path in (again.path, other.path, strange.path)] == [
        "job-002",
        "job-two-001",
        "job[1]-001",
    ]
    (parent / "job-0010").mkdir()
    assert list_runs(parent, "job") == [run.path, again.path]
    assert len(list_runs(parent)) == 4
    assert Run.create(parent, "job", "", {}).path.name == "job-011"


def test_runs_are_listed_by_number_not_by_letter(tmp_path: Path) -> None:
    (tmp_path / "job-999").mkdir()
    made = [Run.create(tmp_path, "job", "", {}).path for _ in range(2)]
    write(tmp_path / "job-999" / "metrics.jsonl", "")
    assert [path.name for path in list_runs(tmp_path, "job")] == ["job-999", "job-1000", "job-1001"]
    assert made == list_runs(tmp_path, "job")[1:]


def test_a_run_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_module, "place", refuse)
    with pytest.raises(ConfigError, match="No space left"):
        Run.create(tmp_path, "job", "", {})
    assert list(tmp_path.iterdir()) == []


def test_windows_and_the_end_are_kept_with_every_digit(
    run: Run, make_window: Make, summary: dict[str, Any]
) -> None:
    record = make_window(1) | {"move": 0.1 + 0.2}
    run.add_window(record, STATE)
    run.finish(summary)
    read = Run.open(run.path)
    assert read.windows == [{"event": "window", **record}]
    assert read.end == {"event": "end", **summary}
    assert read.config == "seed = 0\n"
    assert json.loads((run.path / "resources.json").read_text())["windows"][0]["two_qubit"] == 1004


def test_finishing_twice_leaves_one_end(run: Run, make_window: Make, summary: dict[str, Any]) -> None:
    run.add_window(make_window(1), STATE)
    run.finish(summary)
    run.finish(summary)
    assert [record["event"] for record in lines(run)] == ["start", "window", "end"]


def test_arrays_are_written_and_infinities_become_null(run: Run) -> None:
    record = {"a": np.float64(0.5), "b": np.array([1.0, math.inf]), "c": math.nan, "d": (np.int64(3),)}
    run.add_window(record, None)
    assert lines(run)[1] == {"event": "window", "a": 0.5, "b": [1.0, None], "c": None, "d": [3]}


def test_resuming_gives_back_the_state_and_drops_what_came_after_it(run: Run, make_window: Make) -> None:
    run.add_window(make_window(1), STATE)
    run.records.append({"event": "window", **make_window(2)})
    run._save_records()  # killed before the checkpoint of window 2 was written
    read = Run.open(run.path)
    assert read.resume() == STATE
    assert [record.get("window") for record in lines(read)] == [None, 1]


def test_resuming_before_the_first_window_starts_over(run: Run) -> None:
    assert run.resume() is None
    assert run.windows == []


@pytest.mark.parametrize("metrics", [None, "{", "[]\n", "3\n", '{"no": "event"}\n'])
def test_what_is_no_run_is_refused(run: Run, metrics: str | None) -> None:
    (run.path / "metrics.jsonl").unlink()
    if metrics is not None:
        write(run.path / "metrics.jsonl", metrics)
    other = Run.create(run.path.parent, "other", "", {})
    with pytest.raises(ResultMissing, match="is not the folder of a run") as caught:
        Run.open(run.path)
    assert str(other.path) in str(caught.value)


def test_a_failed_write_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept"
    write(file, "old")

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        write(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_in_the_way_is_refused_early(tmp_path: Path) -> None:
    write(tmp_path / "runs", "a file")
    check_writable(tmp_path / "new" / "deeper")
    for parent in (tmp_path / "runs", tmp_path / "runs" / "deeper"):
        with pytest.raises(ConfigError, match="--out"):
            check_writable(parent)
    with pytest.raises(ConfigError, match="No run folder can be made"):
        Run.create(tmp_path / "runs", "job", "", {})
