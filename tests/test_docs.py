"""The pages as a newcomer reads them: their code runs, their commands and files exist, and the demo prints what is shown."""

import os
import re
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import qgd_core as qgd
from qgd_core.cli.app import app
from qgd_core.config import read_config
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.losses import Objective
from qgd_core.learn.models import logistic, perceptron

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]


def snippets(page, holding):
    """Blocks of code of a page, fenced or indented, that hold some text."""
    text = (ROOT / page).read_text()
    fenced = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    indented = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.MULTILINE)
    found = [block for block in (*fenced, *map(textwrap.dedent, indented)) if holding in block]
    assert found, (page, holding)
    return found


def run(page, holding, **names):
    """Run the blocks; the names they have made."""
    for block in snippets(page, holding):
        exec(block, names)
    return names


def test_the_readme_shows_how_to_bound_a_descent(capsys):
    run("README.md", "import qgd_core as qgd")
    value, bound = map(float, re.findall(r"[\d.]+(?:e-\d+)?", capsys.readouterr().out))
    u = 0.5
    for _ in range(20):
        u += 0.1 * (-u + 0.3 * u * u)
    assert abs(value - u) <= bound


def test_carleman_systems_are_made_as_shown():
    rng = np.random.default_rng(0)
    given = {"F0": 0.01 * rng.normal(size=2), "F1": -np.eye(2), "F2": 0.1 * rng.normal(size=(2, 4))}
    made = run(
        "docs/carleman.md", "qgd.carleman(", qgd=qgd, c=np.ones(2), eta=0.5, u0=[0.1, 0.2], T=3, **given
    )
    assert made["system"].dimension == 5


def test_encodings_are_made_as_shown(capsys):
    a, other, third = np.random.default_rng(0).normal(size=(3, 4, 4))
    encoded = {"other": qgd.block_encode(other), "third": qgd.block_encode(third)}
    run("docs/encodings.md", "qgd.block_encode(A)", qgd=qgd, A=a, **encoded)
    assert "alpha" in capsys.readouterr().out


@pytest.mark.slow
def test_spectra_are_measured_as_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randn(20, 6, generator=generator, dtype=torch.float64), torch.arange(20) % 3)]
    run("docs/curvature.md", "prune(model", model=perceptron([6, 20, 3], seed=0), batches=batches)
    assert capsys.readouterr().out.strip()


def test_models_may_compute_their_own_loss(monkeypatch):
    from qgd_core.learn.spectrum import hessian_spectrum

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = logistic(4)

        def forward(self, input_ids, labels):
            return torch.nn.functional.softplus(-labels * self.inside(input_ids)), None

    class Named(Own):
        def forward(self, **batch):
            return type("Output", (), {"loss": super().forward(**batch)[0].mean()})

    model, generator = Named().double(), torch.Generator().manual_seed(0)
    tokens = torch.randn(10, 4, generator=generator, dtype=torch.float64)
    labels = torch.sign(tokens[:, 0])
    names = {"tokens": tokens, "labels": labels, "model": model, "active": ActiveSet.from_names(model)}

    def measured(model, loss, batches, active):
        batches = [{**batch, "labels": labels} for batch in batches]
        return hessian_spectrum(model, loss, batches, active, probes=1, steps=2)

    run("docs/curvature.md", "whole=True", Objective=Objective, hessian_spectrum=measured, **names)


def commands(program):
    """Lines of code that call a program, comments and continuations left out."""
    lines = [line for page in PAGES for line in page.read_text().splitlines()]
    pattern = re.compile(rf"^ +(?:\.venv/bin/)?{program} (.*?)(?: +#.*| *\\)?$")
    return sorted({found[1] for line in lines if (found := pattern.match(line))})


@pytest.mark.parametrize("command", commands("qgd"))
def test_commands_of_the_shell_exist_with_their_options(command):
    name, *words = command.split()
    helped = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert helped.exit_code == 0
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[\w-]+", helped.output))
    if words and words[0].endswith(".toml") and name == "train":
        changes = [new for flag, new in pairwise(words) if flag == "--set"]
        read_config(ROOT / words[0], changes)


def test_files_that_the_pages_name_exist():
    named = {
        (page, found)
        for page in PAGES
        for found in re.findall(
            r"\b(?:benchmarks|docs|examples|scripts|tests|qgd_core)/[\w./-]*\w\.\w+", page.read_text()
        )
    }
    links = {
        (page, str((page.parent / found).resolve().relative_to(ROOT)))
        for page in PAGES
        for found in re.findall(r"\]\((?!http)([\w./-]+)", page.read_text())
    }
    assert len(named) > 20
    assert [pair for pair in (*named, *links) if not (ROOT / pair[1]).exists()] == []


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(tmp_path):
    page = (ROOT / "README.md").read_text()
    shown = page[page.index("    window 1: ") : page.index("    Report: ")]
    shell = "from qgd_core.cli import main; main()"
    command = [sys.executable, "-c", shell, "train", str(ROOT / "examples" / "breast_cancer.toml")]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"COLUMNS": "100"}, capture_output=True, text=True, check=True
    )
    printed = [line.strip() for line in (done.stderr + done.stdout).splitlines()]
    assert [line for line in map(str.strip, shown.splitlines()) if line not in printed] == []
