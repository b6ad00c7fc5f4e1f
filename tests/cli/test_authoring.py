"""qgd conformance: the sheet in both forms, and an exit code that a script can trust."""

import json

import pytest

from qgd_core.backends import registry
from qgd_core.conformance.mutants import Mutant, MutantBackend
from qgd_core.conformance.mutations import rename

QUICK = ("--only", "every_gate", "--only", "total_and_form", "--only", "measure_and_go_on")


def test_an_honest_backend_exits_with_0_and_leaves_the_sheet(qgd):
    code, out, err = qgd("conformance", "reference", *QUICK, "--seed", "7", "--json", "sheet.json")
    assert (code, err) == (0, "")
    assert "reference conforms: 3 passed" in out
    assert "(seed 7, 40000 shots)" in out
    sheet = json.loads((qgd.folder / "sheet.json").read_text())
    assert sheet["passed"] is True
    assert sheet["seed"] == 7
    assert [verdict["check"] for verdict in sheet["verdicts"]] == list(QUICK[1::2])


def test_a_wrong_backend_exits_with_1_and_is_told_what_is_wrong(qgd):
    wrong = MutantBackend(Mutant("tdg is t", "every_gate", gate=rename(tdg="t")))
    qgd.patch.setattr(registry.Registry, "create", lambda *_: wrong)
    code, out, _ = qgd("conformance", "wrong", *QUICK, "--json", "sheet.json")
    assert code == 1
    assert "every_gate         failed" in out
    assert "wrong does not conform" in out
    assert json.loads((qgd.folder / "sheet.json").read_text())["passed"] is False


def test_options_reach_the_backend_and_gaps_are_taken_from_a_file(qgd):
    seen = []
    wrong = MutantBackend(Mutant("tdg is t", "every_gate", gate=rename(tdg="t")))

    def create(registry, spec, options):
        seen.append(dict(options))
        return wrong

    qgd.patch.setattr(registry.Registry, "create", create)
    (qgd.folder / "gaps.toml").write_text('every_gate = "tdg is being fixed"\n')
    flags = ("--set", "shape=counter", "--set", "noise.readout=0.1", "--gaps", "gaps.toml")
    code, out, _ = qgd("conformance", "wrong", *QUICK, *flags)
    assert code == 0
    assert "tdg is being fixed" in out
    assert seen[0] == {"shape": "counter", "noise": {"readout": 0.1}}


def test_checks_that_nobody_declared_are_no_success(qgd):
    assert qgd("conformance", "emulator", "--only", "every_gate")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["qiskti"], "Did you mean 'qiskit'?"),
        (["reference", "--set", "threads=2"], "Unknown option 'threads'"),
        (["reference", "--set", "threads"], "has no key and value"),
        (["reference", "--gaps", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["reference", "--only", "every_gat"], "Did you mean 'every_gate'?"),
        (["reference", "--only", "every_gate", "--json", "no/such/sheet.json"], "cannot be written"),
    ],
)
def test_what_cannot_be_tried_exits_with_2_and_one_sentence(qgd, arguments, part):
    code, _, err = qgd("conformance", *arguments)
    assert code == 2
    assert part in err
    assert err.startswith("qgd: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("flags", [["--seed", "-1"], ["--shots", "0"]])
def test_seeds_and_shots_that_make_no_sense_are_refused(qgd, flags):
    code, _, err = qgd("conformance", "reference", *flags)
    assert code == 2
    assert "Invalid value" in err
