"""Every route side by side: python benchmarks/solvers.py [SECTION ...] [--from SECTION] [--write docs/benchmarks.md]

Without names, all sections; `--from` one, it and those after it. `--write` puts each section into the page as soon as it
is finished and leaves the others there as they are, so that a run that was interrupted goes on with `--from`. Other
packages run where they are installed: see benchmarks/routes/peers.py.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import TextIO

import descent_flows
import growth
import training
from routes.flows import flows
from routes.large import large
from routes.systems import systems
from routes.windows import history, window

PREFACE = """# All routes side by side

`python benchmarks/solvers.py --write docs/benchmarks.md` writes this page, section by section. Tables of routes: CX are
upper bounds from the plan, which the tests hold the circuits to; errors are those of the emulated success branch against
dense algebra; CX x shots is what a sampled answer with signs and scale costs at the asked error; s are seconds of processor
time. The error of a system is relative to |x|, that of a flow to |z0|, that of a window to its move. Blind means that
nothing is known beforehand but the matrix and the right side. A last column says what a row is held to, and whether it is
met. True gradient descent is the truth that windows are compared with; beside every one stand four controls: N = 1, the
Carleman model run classically, the centre alone, and as many Newton steps on all data and nothing else. Encodings and phases
beside other packages stand in [encodings.md](encodings.md), every solver on large problems in [emulation.md](emulation.md).
"""
SECTIONS: dict[str, Callable[[], None]] = {
    "systems": systems,
    "flows": flows,
    "windows": training.windows,
    "sampled": training.sampled,
    "bootstraps": training.bootstraps,
    "combined flows": descent_flows.windows,
    "combined bootstraps": descent_flows.bootstraps,
    "evolutions": descent_flows.evolutions,
    "one window": window,
    "history": history,
    "queries": growth.queries,
    "trees": growth.built,
    "amplified": growth.amplified,
    "large": large,
}


@dataclass
class Progress(io.TextIOBase):
    """Keeps what is printed, and shows it on stderr as it comes."""

    name: str
    kept: io.StringIO
    shown: TextIO

    def write(self, text: str) -> int:
        if text.startswith("| ") and not text.startswith("|---"):
            print(f"{self.name}: {text[:100].rstrip()}", file=self.shown, flush=True)
        return self.kept.write(text)


def run(name: str) -> str:
    """A section's heading, what it is, and its table."""
    section, kept = SECTIONS[name], io.StringIO()
    began = time.process_time()
    with contextlib.redirect_stdout(Progress(name, kept, sys.stderr)):
        section()
    seconds = time.process_time() - began
    print(f"{name}: {seconds:.0f} s of processor time", file=sys.stderr, flush=True)
    about = cleandoc(section.__doc__ or "")
    command = f"`python benchmarks/solvers.py '{name}'`, {seconds:.0f} s of its own"
    return f"## {name.capitalize()}\n\n{about}\n\n{command}\n\n{kept.getvalue().strip()}\n"


def parts(page: Path) -> dict[str, str]:
    """The sections that a page has, by name."""
    texts = page.read_text().split("\n## ")[1:] if page.exists() else []
    return {text.split("\n", 1)[0].lower(): f"## {text.rstrip()}\n" for text in texts}


def main() -> None:
    names = list(SECTIONS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(names))
    parser.add_argument("--from", dest="first", choices=names)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    asked = parser.parse_args()
    unknown = set(asked.sections) - set(names)
    if unknown:
        parser.error(f"unknown sections {sorted(unknown)}; there are {', '.join(names)}")
    chosen = asked.sections or names[names.index(asked.first) if asked.first else 0 :]
    for name in chosen:
        text = run(name)
        if asked.write is None:
            print(text)
            continue
        found = parts(asked.write) | {name: text}
        asked.write.write_text("\n".join([PREFACE, *(found[name] for name in names if name in found)]))


if __name__ == "__main__":
    main()
