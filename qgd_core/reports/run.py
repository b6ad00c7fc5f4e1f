"""A run's folder: what was asked, what each window gave, and where to continue, every file written whole or not at all."""

from __future__ import annotations

import glob
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qgd_core.errors import ConfigError, ResultMissing

Record = dict[str, Any]

CONFIG, METRICS, CHECKPOINT, RESOURCES = "config.toml", "metrics.jsonl", "checkpoint.json", "resources.json"


class Run:
    """A folder that holds one training run.

    metrics.jsonl has one record a line, told apart by "event": one "start", a "window" for each finished window
    and, once all are done, an "end". checkpoint.json holds the trainer's state after the last finished window.
    Numbers keep every digit; in the metrics a NaN or an infinity is null.
    """

    def __init__(self, path: Path, records: list[Record]) -> None:
        self.path = path
        self.records = records

    @classmethod
    def create(cls, parent: Path, name: str, config: str, start: Mapping[str, Any]) -> Run:
        """Make the folder `parent/name-001`, or with the next free number, complete with its first two files.

        Arguments: parent, made when missing; name of the run; config, its TOML text; start, what the first record
        tells.
        Result: the run; nothing is left behind when it cannot be made.
        Raises: ConfigError when the folder cannot be written.
        Source: none.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent))
            try:
                run = cls(draft, [{"event": "start", **start}])
                write(draft / CONFIG, config)
                run._save_records()
                draft.chmod(0o755)
                run.path = place(draft, parent, name)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        except OSError as error:
            raise ConfigError(
                f"No run folder can be made in {parent}: {error.strerror}.",
                subject=str(parent),
                remedy="Choose a folder you may write to with --out.",
            ) from error
        return run

    @classmethod
    def open(cls, path: Path) -> Run:
        """Read the folder of a run, finished or not; raises ResultMissing when it is not one or is damaged."""
        try:
            lines = (path / METRICS).read_text(encoding="utf-8").splitlines()
            (path / CONFIG).stat()
            records = [json.loads(line) for line in lines]
            if not all(isinstance(record, dict) and "event" in record for record in records):
                raise ValueError("a line of the metrics is not a record")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            known = ", ".join(str(found) for found in list_runs(path.parent)) or "none"
            raise ResultMissing(
                f"{path} is not the folder of a run: {reason}.",
                subject=str(path),
                remedy=f"Runs beside it: {known}.",
            ) from None
        return cls(path, records)

    @property
    def config(self) -> str:
        """The TOML text the run was started with, defaults filled in."""
        return (self.path / CONFIG).read_text(encoding="utf-8")

    @property
    def windows(self) -> list[Record]:
        """The records of the finished windows, in order."""
        return [record for record in self.records if record["event"] == "window"]

    @property
    def end(self) -> Record | None:
        """The closing record, or None while the run is unfinished."""
        return next((record for record in self.records if record["event"] == "end"), None)

    def add_window(self, record: Mapping[str, Any], state: Any) -> None:
        """Keep a finished window and the trainer's state after it; the state comes back as JSON returns it."""
        self.records.append({"event": "window", **record})
        self._save_records()
        checkpoint = {"windows": len(self.windows), "state": state}
        write(self.path / CHECKPOINT, json.dumps(checkpoint, default=_plain))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Close the run with its summary, and sum up what its windows cost."""
        self.records = [record for record in self.records if record["event"] != "end"]
        self.records.append({"event": "end", **summary})
        self._save_records()
        costs = {"windows": [{"window": w.get("window"), **(w.get("resources") or {})} for w in self.windows]}
        write(self.path / RESOURCES, json.dumps(_finite(costs), indent=2, default=_plain) + "\n")

    def resume(self) -> Any:
        """Drop what came after the last checkpoint and return the trainer's state there, None before the first."""
        try:
            checkpoint = json.loads((self.path / CHECKPOINT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            checkpoint = {"windows": 0, "state": None}
        starts = [record for record in self.records if record["event"] == "start"]
        self.records = starts + self.windows[: checkpoint["windows"]]
        self._save_records()
        return checkpoint["state"]

    def _save_records(self) -> None:
        lines = (json.dumps(_finite(record), default=_plain, allow_nan=False) for record in self.records)
        write(self.path / METRICS, "".join(f"{line}\n" for line in lines))


def list_runs(parent: Path, name: str | None = None) -> list[Path]:
    """Return the run folders in `parent`, by name and number, of one name or of all."""
    pattern = "*" if name is None else glob.escape(name)
    found = [metrics.parent for metrics in parent.glob(f"{pattern}-[0-9]*/{METRICS}")]
    runs = [path for path in found if not path.name.startswith(".")]
    return sorted(runs, key=lambda path: (path.name.rpartition("-")[0], _number(path)))


def check_writable(parent: Path) -> None:
    """Raise ConfigError unless run folders can be made in `parent`, itself made when missing."""
    existing = next(path for path in (parent, *parent.absolute().parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise ConfigError(
            f"No run folder can be made in {parent}: {existing} is not a folder you may write to.",
            subject=str(parent),
            remedy="Choose another one with --out.",
        )


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole: a reader, or a crash, sees the old content or the new, never a part."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _number(path: Path) -> int:
    """The number at the end of a run folder's name, 0 when it has none."""
    found = re.search(r"-(\d+)$", path.name)
    return int(found[1]) if found else 0


def place(draft: Path, parent: Path, name: str) -> Path:
    """Rename the draft to the next free number; a run that starts at the same moment takes another one."""
    number = max((_number(path) for path in parent.glob(f"{glob.escape(name)}-[0-9]*")), default=0)
    while True:
        number += 1
        target = parent / f"{name}-{number:03d}"
        if not target.exists():
            return draft.rename(target)


def _finite(value: Any) -> Any:
    """Replace what JSON cannot write (NaN, infinities, arrays) inside a record by what it can."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """Turn NumPy arrays and numbers into Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written to a run folder")
