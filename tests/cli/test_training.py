import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qgd_core.cli import terminal
from qgd_core.errors import ConfigError, NotDissipative
from qgd_core.reports import html
from qgd_core.reports.figures import draw_figures
from qgd_core.reports.run import Run

ROOT = Path(__file__).resolve().parents[2]


def test_train_leaves_a_whole_run_folder_and_prints_the_tables(qgd):
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


def test_two_runs_stand_side_by_side_and_out_chooses_the_folder(qgd):
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
def test_bad_input_is_one_sentence_and_leaves_nothing(qgd, arguments: list[str], part: str):
    code, out, err = qgd("train", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert err.startswith("qgd: ")
    assert err.count("\n") == 1
    assert qgd.runs == []


def test_what_the_trainer_refuses_before_its_first_window_leaves_nothing(qgd):
    qgd.stop = ConfigError("There is no data set 'breast'.", remedy="Available: wine.")
    assert qgd("train", "job.toml") == (2, "", "qgd: There is no data set 'breast'. Available: wine.\n")
    assert qgd.runs == []


@pytest.mark.parametrize("flags", [["--resume"], ["--resume", "job-001"], ["--resume", "runs/job-001"]])
def test_an_interrupted_run_resumes_to_the_same_records(qgd, flags: list[str]):
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


def test_a_bare_resume_may_stand_before_the_file(qgd):
    qgd.stop, qgd.stop_after = KeyboardInterrupt(), 1
    qgd("train", "job.toml")
    qgd.stop = None
    assert qgd("train", "--resume", "job.toml")[0] == 0
    assert qgd.runs == ["job-001"]


def test_an_interrupt_before_the_first_window_leaves_nothing(qgd):
    qgd.stop = KeyboardInterrupt()
    code, _, err = qgd("train", "job.toml")
    assert (code, qgd.runs) == (130, [])
    assert "nothing was kept" in err


def test_a_failure_between_windows_keeps_the_finished_ones(qgd):
    qgd.stop, qgd.stop_after = NotDissipative("The norm is 3.", value=3.0), 1
    code, _, err = qgd("train", "job.toml")
    assert code == 2
    assert "The norm is 3." in err
    assert len(qgd.metrics("job-001")) == 2


def test_resuming_a_complete_run_or_with_another_configuration_is_refused(qgd):
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


def test_a_real_ctrl_c_keeps_the_finished_windows(tmp_path: Path):
    script = f"""
import runpy, signal, sys, time
from types import ModuleType
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell starts its children deaf to it
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


def test_missing_extras_are_named_with_the_command_that_installs_them(qgd):
    qgd.patch.setattr(terminal, "find_spec", lambda name: None if name in ("torch", "jinja2") else object())
    code, _, err = qgd("train", "job.toml")
    assert (code, qgd.runs) == (2, [])
    assert "torch, jinja2" in err
    assert "pip install 'qgd-core[learn,report]'" in err
