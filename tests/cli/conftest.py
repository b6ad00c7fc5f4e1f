import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from qgd_core import cli
from qgd_core.reports import html

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
