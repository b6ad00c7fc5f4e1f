"""Hold every target that runs offline to the conformance suite, and write the verdicts into docs/backends.md.

Run `.venv/bin/python scripts/verdicts.py` (some minutes) whenever checks or plugins change; with --check
it only says whether the page is current.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from qgd_core.backends.api import Capabilities
from qgd_core.backends.registry import get_backend
from qgd_core.conformance import CHECKS, Sheet, run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "backends.md"
MARK = "<!-- What follows is written by scripts/verdicts.py. -->"
WORKERS = 2  # targets at a time
SHARED = ("qgd-core", "numpy")  # whose versions are those of every sheet
MARKS = {"passed": "✓", "not declared": "–", "gap": "gap", "failed": "FAILED"}
PLACE = {"s3": "bucket/folder", "max_shots": 10_000_000, "poll_seconds": 0.01}
UNSEEDED = {"seed_repeats": "the service takes no seed, so no run on it can be repeated"}


@dataclass(frozen=True)
class Target:
    """What is held to the suite: a backend string, its options, shots of each sampling check, and known gaps."""

    spec: str
    options: Mapping[str, Any] = field(default_factory=dict)
    shots: int = 40_000
    gaps: Mapping[str, str] = field(default_factory=dict)


TARGETS = (
    Target("braket:local"),
    Target("braket:sv1", PLACE, 500, UNSEEDED),
    Target("braket:tn1", PLACE, 500, UNSEEDED),
    Target("braket:device:arn:aws:braket:us-east-1::device/qpu/somewhere/Trap-1", PLACE, 500, UNSEEDED),
    Target("cirq:simulator"),
    Target("cirq:qsim", shots=10_000),
    Target("cirq:virtual:rainbow", {"noise": False}, 2000),
    Target("pennylane:lightning.qubit"),
    Target("pennylane:default.qubit"),
    Target("qiskit:aer"),
    Target("qiskit:basic"),
    Target(
        "qiskit:clifford_t",
        {"synthesis_error": 9e-11},
        gaps={
            "counts_equal_the_cores": "the counts are those after synthesis, in Clifford and T gates",
            "counts_add": "twice the rotations share one error, so that each takes more T gates",
            "long_circuits": "its 998 rotations cannot share an error below 1e-10 in double precision",
        },
    ),
    Target("qiskit:fake:guadalupe", {"noise": False}, 2000),
)


def main(*, check: bool) -> None:
    """Run the suite, and replace the generated part of the page, or only say whether it is current."""
    made = judge()
    kept, _, stands = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not check:
        PAGE.write_text(f"{kept}{MARK}\n\n{made}", encoding="utf-8")
    elif stands.strip() != made.strip():
        raise SystemExit(f"{PAGE} is out of date: run {Path(__file__).name}.")


def judge() -> str:
    """The generated part of the page: every target held to the suite now."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), initializer=play_service) as pool:
        found = list(pool.map(hold, TARGETS))
    return render([sheet for sheet, _ in found], [can for _, can in found], [t.options for t in TARGETS])


def hold(target: Target) -> tuple[Sheet, Capabilities]:
    """A target's sheet, and what it declares."""
    sheet = run(target.spec, options=target.options, shots=target.shots, gaps=target.gaps)
    print(f"{target.spec}: {sheet.count('passed')} passed, {sheet.count('failed')} failed", flush=True)
    return sheet, get_backend(target.spec, **target.options).capabilities


def play_service() -> None:
    """Put the recorded transport of Braket's tests in the place of its service: no account, no network."""
    from qgd_backend_braket import cloud

    recorded = runpy.run_path(str(ROOT / "backends" / "braket_backend" / "tests" / "recorded.py"))
    cloud.open_session = recorded["make_session"]


def render(sheets: list[Sheet], abilities: list[Capabilities], options: list[Mapping[str, Any]]) -> str:
    """The verdicts as Markdown: what each target declares, what it is weak at, and its marks on every check."""
    names = [sheet.backend for sheet in sheets]
    verdicts = [{verdict.check: verdict for verdict in sheet.verdicts} for sheet in sheets]
    shared = {name: version for name, version in sheets[0].versions.items() if name in SHARED}
    own = [{name: version for name, version in s.versions.items() if name not in SHARED} for s in sheets]
    rows = [
        [
            f"`{name}`",
            ", ".join(f"{key}={value!r}" for key, value in given.items()) or "none",
            "yes" if can.statevector else "no",
            "in place" if can.postselect else "success counter",
            "yes" if can.mid_circuit else "no",
            str(can.max_qubits or "no limit"),
            f"{sheet.shots:,}",
            *(str(sheet.count(status)) for status in MARKS),
        ]
        for name, sheet, can, given in zip(names, sheets, abilities, options, strict=True)
    ]
    marks = [
        [f"`{name}`", check.sentence, *(MARKS[one[name].status] for one in verdicts)]
        for name, check in CHECKS.items()
    ]
    reasons = [
        f"- {sheet.backend}, `{verdict.check}`: {verdict.status}: {verdict.detail}"
        for sheet in sheets
        for verdict in sheet.verdicts
        if verdict.status in ("gap", "failed")
    ]
    heads = ["target", "options", "vector", "post-selection", "mid-circuit", "most qubits", "shots", *MARKS]
    parts = [
        f"## Verdicts\n\nSeed {sheets[0].seed}; {join(shared)}. Shots are those of each sampling check.",
        table(heads, rows),
        "\n".join(f"- `{name}`: {join(found)}" for name, found in zip(names, own, strict=True)),
        *(["Gaps and their reasons:", "\n".join(reasons)] if reasons else []),
        "## Check by check",
        "; ".join(f"{mark}: {status}" for status, mark in MARKS.items() if mark != status) + ".",
        table(["check", "what it holds a backend to", *(name.replace(":", ": ") for name in names)], marks),
    ]
    return "\n\n".join(parts) + "\n"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def join(versions: dict[str, str]) -> str:
    """Names and versions in one line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
