"""The guide for plugin authors: its code is that of the example, its names are names of the seam and of checks."""

import re
from pathlib import Path

from qgd_core import plugin
from qgd_core.conformance.checks import CHECKS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "write-a-backend.md").read_text()
EXAMPLE = "\n".join(
    path.read_text() for path in (ROOT / "examples" / "third_party_backend").glob("qgd_backend_qulacs/*.py")
)


def test_its_code_stands_in_the_example():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 4
    assert [block for block in blocks if block not in EXAMPLE] == []


def test_it_names_only_checks_that_exist():
    table = GUIDE[GUIDE.index("| first check to fail") : GUIDE.index("A failure that you cannot mend")]
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert [name for name in named if name not in CHECKS and name not in ("_6", "_11")] == []
    assert len(named) > 12


def test_it_names_only_what_the_seam_has():
    called = set(re.findall(r"`([A-Z]\w+|fit|unroll|statements|to_qasm|read_options|draw_seeds)`", GUIDE))
    own = {"NATIVE", "None"}
    assert {"SegmentedExecutable", "Outcomes", "fit"} & called
    assert [name for name in called - own if not hasattr(plugin, name)] == []
