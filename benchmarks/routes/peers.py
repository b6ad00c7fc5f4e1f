"""Other packages on the same problem, each in an interpreter that has it; recorded figures where none has.

This interpreter is tried first, then those named in the environment variable QGD_PEERS (paths, joined like PATH): some
peers need another Python, or hold a version of Qiskit that ours does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "peers"
MODULES = ("nwqlib", "pennylane", "qrisp", "linear_solvers")
SECONDS = 180


@cache
def interpreter(peer: str) -> str | None:
    """The first interpreter that has the package; none has what is closed."""
    if peer not in MODULES:
        return None
    others = [path for path in os.environ.get("QGD_PEERS", "").split(os.pathsep) if path]
    for python in (sys.executable, *others):
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({peer!r}) is None)"
        if subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0:
            return python
    return None


def ask(peer: str, task: dict[str, Any]) -> dict[str, Any] | str | None:
    """What the peer says of the problem; why it says nothing; None where it is not installed."""
    python = interpreter(peer)
    if python is None:
        return None
    command = [python, str(FOLDER / f"by_{peer}.py")]
    try:
        done = subprocess.run(
            command, input=json.dumps(task), capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not within {SECONDS} s"
    if done.returncode:
        return (done.stderr.strip() or "no reason given").splitlines()[-1]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def peer_row(case: str, peer: str, task: dict[str, Any], recorded: dict[str, Any] | None = None) -> None:
    """The peer's own run, or what is recorded of one; nothing where there is neither."""
    found = ask(peer, task)
    if recorded and not isinstance(found, dict):
        # Not installed, or not in time.
        found = recorded | {"name": f"{recorded['name']}, as recorded"}
    if found is None:
        return
    if isinstance(found, str):
        print(f"| {case} | {peer} | {found.replace('|', '/')[:110]} |{' |' * 10}")
        return
    cx, success, error = (found.get(key) for key in ("cx", "success", "error"))
    cells = [
        found.get("how", ""),
        found.get("qubits", ""),
        "",
        "" if cx is None else cx,
        "" if success is None else f"{success:.2g}",
        "" if cx is None or success is None else f"{cx / success:.3g}",
        "" if error is None else f"{error:.1e}",
        "",
        "",
        f"{found['seconds']:.1f}" if "seconds" in found else "",
        "",
    ]
    print(f"| {case} | {found['name']} | {' | '.join(map(str, cells))} |")
