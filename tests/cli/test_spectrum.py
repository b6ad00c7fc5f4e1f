import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_spectrum.toml"
SMALL = ["limit=60", "dense_steps=1", "cycles=1", "classical_steps=1", "cycle_steps=1", "every=1"]
SMALL += ["samples=8", "probes=1", "lanczos_steps=3", "depth=8"]


def test_spectrum_writes_a_report_with_its_configuration_and_figures(qgd):
    changes = [part for change in SMALL for part in ("--set", change)]
    code, out, err = qgd("spectrum", str(EXAMPLE), *changes)
    assert (code, err) == (0, "")
    assert "error proxy" in out
    folder = qgd.folder / "runs" / "digits_spectrum-001"
    assert {"config.toml", "spectrum.json", "report.html", "densities.svg"} <= {
        p.name for p in folder.iterdir()
    }
    assert "limit = 60" in (folder / "config.toml").read_text()
    assert json.loads((folder / "spectrum.json").read_text())


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("probez=3", "unknown key 'probez' (did you mean 'probes'?)"),
        ("density=2", "'density' must be at most 1"),
        ("cifar100=nowhere", "nowhere"),
    ],
)
def test_bad_settings_are_one_sentence_and_leave_nothing(qgd, change, part):
    code, _, err = qgd("spectrum", str(EXAMPLE), "--set", change)
    assert code == 2
    assert part in err
    assert "Traceback" not in err
    assert qgd.runs == []
