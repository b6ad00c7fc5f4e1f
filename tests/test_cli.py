import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import qgd_core.backends.registry
from qgd_core import cli
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.reports import html
from qgd_core.reports.figures import draw_figures
from qgd_core.reports.run import Run

ROOT = Path(__file__).resolve().parents[1]
Make = Callable[..., dict[str, Any]]


@dataclass
class Shell:
    """The shell in an empty folder; its trainer makes its windows up and may stop early, and no figures are drawn."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    make_window: Make
    summary: dict[str, Any]
    stop: BaseException | None = None
    stop_after: int = 0

    def train(self, config: Any, *, on_window: Any, on_progress: Any, start: Any) -> Any:
        done = start["done"] if start else 0
        for index in range(done + 1, config.windows.count + 1):
            if self.stop and index > self.stop_after:
                raise self.stop
            on_progress(f"window {index}", index - 1, config.windows.count)
            on_window(self.make_window(index) | {"move": config.seed + index / 3}, {"done": index})
        return SimpleNamespace(summary=self.summary)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return the exit code, stdout and stderr of `qgd arguments`."""
        self.patch.setattr(sys, "argv", ["qgd", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = self.capture.readouterr()
        return int(left.value.code or 0), printed.out, printed.err

    @property
    def runs(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("runs/*"))

    def metrics(self, run: str) -> list[dict[str, Any]]:
        """The records of a run, its time of start left out."""
        lines = (self.folder / "runs" / run / "metrics.jsonl").read_text().splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]


@pytest.fixture
def qgd(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make_window: Make,
    summary: dict[str, Any],
) -> Shell:
    shell = Shell(tmp_path, capsys, monkeypatch, make_window, summary)
    trainer = ModuleType("qgd_core.learn.trainer")
    trainer.train = shell.train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "qgd_core.learn.trainer", trainer)
    monkeypatch.setattr(
        html, "draw_figures", lambda run: dict.fromkeys(("training", "errors"), "<svg></svg>")
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.toml").write_text('backend = "reference"\n')
    return shell


def test_train_leaves_a_whole_run_folder_and_prints_the_tables(qgd: Shell) -> None:
    qgd.patch.setattr(html, "draw_figures", draw_figures)
    code, out, err = qgd("train", "job.toml", "--set", "seed=4")
    assert (code, err) == (0, "")
    folder = qgd.folder / "runs" / "job-001"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        *("checkpoint.json", "config.toml"),
        *(f"figures/{name}.{suffix}" for name in ("errors", "training") for suffix in ("png", "svg")),
        *("metrics.jsonl", "report.html", "resources.json"),
    ]
    assert [record["event"] for record in qgd.metrics("job-001")] == [
        "start",
        "window",
        "window",
        "window",
        "end",
    ]
    assert "seed = 4" in (folder / "config.toml").read_text()
    assert qgd.metrics("job-001")[0]["seed"] == 4
    assert max(map(len, out.splitlines())) <= 100
    for part in (
        "window 1: 14 qubits, 1,004 two-qubit gates, error 0.0117",
        "0.3193",
        "report.html",
        "2 of them kept",
    ):
        assert part in out


def test_two_runs_stand_side_by_side_and_out_chooses_the_folder(qgd: Shell) -> None:
    for _ in range(2):
        assert qgd("train", "job.toml")[0] == 0
    assert qgd("train", "job.toml", "--out", "else/where")[0] == 0
    assert qgd.runs == ["job-001", "job-002"]
    assert (qgd.folder / "else" / "where" / "job-001" / "report.html").exists()


BAD = {
    "missing file": (["absent.toml"], "cannot be read"),
    "unknown key": (["job.toml", "--set", "windows.stpes=3"], "did you mean 'windows.steps'?"),
    "wrong type": (["job.toml", "--set", "prune.keep=four"], "'prune.keep' must be an integer"),
    "no such backend": (["job.toml", "--set", "backend=nowhere"], "No backend 'nowhere' is installed"),
    "no such option": (["job.toml", "--set", "backend_options.zzz=1"], "'zzz'"),
    "out is a file": (["job.toml", "--out", "job.toml"], "not a folder you may write to"),
    "nothing to resume": (["job.toml", "--resume"], "holds no unfinished run of job"),
    "no such run": (["job.toml", "--resume", "job-009"], "is not the folder of a run"),
}


@pytest.mark.parametrize(("arguments", "part"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(qgd: Shell, arguments: list[str], part: str) -> None:
    code, out, err = qgd("train", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert err.startswith("qgd: ")
    assert err.count("\n") == 1
    assert qgd.runs == []


def test_what_the_trainer_refuses_before_its_first_window_leaves_nothing(qgd: Shell) -> None:
    qgd.stop = ConfigError("There is no data set 'breast'.", remedy="Available: wine.")
    assert qgd("train", "job.toml") == (2, "", "qgd: There is no data set 'breast'. Available: wine.\n")
    assert qgd.runs == []


@pytest.mark.parametrize("flags", [["--resume"], ["--resume", "job-001"], ["--resume", "runs/job-001"]])
def test_an_interrupted_run_resumes_to_the_same_records(qgd: Shell, flags: list[str]) -> None:
    qgd.stop, qgd.stop_after = KeyboardInterrupt(), 2
    code, _, err = qgd("train", "job.toml")
    assert code == 130
    assert "windows kept in runs/job-001: 2." in err
    assert "--resume" in err
    assert [record["event"] for record in qgd.metrics("job-001")] == ["start", "window", "window"]
    qgd.stop = None
    assert qgd("train", "job.toml", *flags)[0] == 0
    assert qgd("train", "job.toml")[0] == 0
    assert qgd.runs == ["job-001", "job-002"]
    assert qgd.metrics("job-001") == qgd.metrics("job-002")


def test_a_bare_resume_may_stand_before_the_file(qgd: Shell) -> None:
    qgd.stop, qgd.stop_after = KeyboardInterrupt(), 1
    qgd("train", "job.toml")
    qgd.stop = None
    assert qgd("train", "--resume", "job.toml")[0] == 0
    assert qgd.runs == ["job-001"]


def test_an_interrupt_before_the_first_window_leaves_nothing(qgd: Shell) -> None:
    qgd.stop = KeyboardInterrupt()
    code, _, err = qgd("train", "job.toml")
    assert (code, qgd.runs) == (130, [])
    assert "nothing was kept" in err


def test_a_failure_between_windows_keeps_the_finished_ones(qgd: Shell) -> None:
    qgd.stop, qgd.stop_after = NotDissipative("The norm is 3.", value=3.0), 1
    code, _, err = qgd("train", "job.toml")
    assert code == 2
    assert "The norm is 3." in err
    assert len(qgd.metrics("job-001")) == 2


def test_resuming_a_complete_run_or_with_another_configuration_is_refused(qgd: Shell) -> None:
    qgd.stop, qgd.stop_after = KeyboardInterrupt(), 1
    qgd("train", "job.toml")
    qgd.stop = None
    code, _, err = qgd("train", "job.toml", "--resume", "--set", "seed=9")
    assert code == 2
    assert "another configuration" in err
    remedy = err.split("qgd train ")[1].rstrip(".\n").split()
    assert qgd("train", *remedy)[0] == 0
    code, _, err = qgd("train", "job.toml", "--resume", "job-001")
    assert code == 2
    assert "is complete" in err


def test_a_real_ctrl_c_keeps_the_finished_windows(tmp_path: Path) -> None:
    script = f"""
import runpy, sys, time
from types import ModuleType
record = runpy.run_path({str(ROOT / "tests" / "conftest.py")!r})["window_record"]
def train(config, *, on_window, on_progress, start):
    on_window(record(1), {{}})
    print("ready", flush=True)
    time.sleep(60)
sys.modules["qgd_core.learn.trainer"] = trainer = ModuleType("trainer")
trainer.train = train
sys.argv = ["qgd", "train", "job.toml"]
from qgd_core.cli import main
main()
"""
    (tmp_path / "job.toml").write_text('backend = "emulator"\n')
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True
    )
    with process:
        assert process.stdout
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "windows kept in runs/job-001: 1." in err
    assert len(Run.open(tmp_path / "runs" / "job-001").windows) == 1


def test_report_writes_the_page_again(qgd: Shell) -> None:
    qgd("train", "job.toml")
    page = qgd.folder / "runs" / "job-001" / "report.html"
    before = page.read_text()
    page.unlink()
    code, out, _ = qgd("report", "runs/job-001")
    assert (code, page.read_text()) == (0, before)
    assert "0.3193" in out


@pytest.mark.parametrize("run", ["runs/job-007", "job.toml"])
def test_report_refuses_what_is_no_run(qgd: Shell, run: str) -> None:
    code, _, err = qgd("report", run)
    assert code == 2
    assert "is not the folder of a run" in err


def test_report_refuses_a_run_without_windows(qgd: Shell) -> None:
    Run.create(qgd.folder / "runs", "job", "", {})
    code, _, err = qgd("report", "runs/job-001")
    assert code == 2
    assert "no finished window" in err


def test_backends_lists_a_broken_plugin_with_its_reason(qgd: Shell) -> None:
    row = qgd_core.backends.registry.BackendRow
    rows = [
        row("emulator", (), "qgd-core", "0.1.0", "ok", "", ""),
        row("odd", ("a", "b"), "qgd-backend-odd", "3", "broken", "ImportError: No module named '[/x]'", ""),
    ]
    qgd.patch.setattr(qgd_core.backends.registry, "list_backends", lambda: rows)
    code, out, _ = qgd("backends")
    assert code == 0
    assert "broken: ImportError: No module named '[/x]'" in " ".join(out.split())


def test_missing_extras_are_named_with_the_command_that_installs_them(qgd: Shell) -> None:
    qgd.patch.setattr(cli, "find_spec", lambda name: None if name in ("torch", "jinja2") else object())
    code, _, err = qgd("train", "job.toml")
    assert (code, qgd.runs) == (2, [])
    assert "torch, jinja2" in err
    assert "pip install 'qgd-core[learn,report]'" in err


@pytest.mark.parametrize("arguments", [["nonsense"], ["train"], ["train", "job.toml", "--zzz"]])
def test_a_wrong_command_line_exits_with_2(qgd: Shell, arguments: list[str]) -> None:
    code, _, err = qgd(*arguments)
    assert code == 2
    assert "Traceback" not in err
