"""Hold every plugin's default target to the conformance suite, and write the verdicts into docs/backends.md.

Run `.venv/bin/python scripts/verdicts.py` (a minute or two) whenever checks or plugins change.
"""

from __future__ import annotations

from pathlib import Path

from qgd_core.backends.registry import get_backend
from qgd_core.conformance import CHECKS, Sheet, run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "backends.md"
MARK = "<!-- What follows is written by scripts/verdicts.py. -->"
BACKENDS = ("braket:local", "cirq:simulator", "pennylane:lightning.qubit", "qiskit:aer")
SHARED = ("qgd-core", "numpy")  # whose versions are those of every sheet


def main() -> None:
    """Run the suite and replace the generated part of the page."""
    kept = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(kept + MARK + "\n\n" + render([run(name) for name in BACKENDS]), encoding="utf-8")


def render(sheets: list[Sheet]) -> str:
    """The verdicts as Markdown: what each backend declares, its marks on every check, and what it is weak at."""
    names = [sheet.backend for sheet in sheets]
    abilities = [get_backend(name).capabilities for name in names]
    verdicts = [{verdict.check: verdict for verdict in sheet.verdicts} for sheet in sheets]
    shared = {name: version for name, version in sheets[0].versions.items() if name in SHARED}
    own = [{name: version for name, version in s.versions.items() if name not in SHARED} for s in sheets]
    declared = [
        ["versions", *map(join, own)],
        ["post-selection", *("in place" if can.postselect else "success counter" for can in abilities)],
        ["mid-circuit measurement and reset", *("yes" if can.mid_circuit else "no" for can in abilities)],
        ["most qubits", *(str(can.max_qubits or "no limit") for can in abilities)],
        ["checks passed", *(str(sheet.count("passed")) for sheet in sheets)],
        ["failed", *(str(sheet.count("failed")) for sheet in sheets)],
        ["known gaps", *(str(sheet.count("gap")) for sheet in sheets)],
        ["not declared", *(str(sheet.count("not declared")) for sheet in sheets)],
    ]
    marks = [
        [f"`{name}`", check.sentence, *(one[name].status for one in verdicts)]
        for name, check in CHECKS.items()
    ]
    reasons = [
        f"- {sheet.backend}, `{verdict.check}`: {verdict.status}: {verdict.detail}"
        for sheet in sheets
        for verdict in sheet.verdicts
        if verdict.status in ("gap", "failed")
    ]
    setting = f"Seed {sheets[0].seed}, {sheets[0].shots:,} shots for each sampling check; {join(shared)}."
    parts = [
        f"## Verdicts\n\n{setting}",
        table(["", *names], declared),
        *(["\n".join(reasons)] if reasons else []),
        "## Check by check",
        table(["check", "what it holds a backend to", *names], marks),
    ]
    return "\n\n".join(parts) + "\n"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def join(versions: dict[str, str]) -> str:
    """Names and versions in one line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


if __name__ == "__main__":
    main()
