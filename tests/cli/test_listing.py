"""The tables of the shell, and the tables of the core that they print."""

import pytest

import qgd_core
import qgd_core.backends.registry
from qgd_core.encodings.choose import list_encodings


@pytest.mark.parametrize(
    ("command", "rows"), [("solvers", qgd_core.list_solvers), ("encodings", list_encodings)]
)
def test_each_row_of_the_core_is_a_row_of_the_table(qgd, command, rows):
    code, out, err = qgd(command)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    lines = [line.split() for line in out.splitlines()]
    for row in rows():
        [line] = [words for words in lines if words[:1] == [row["name"]]]
        assert line[1] == row.get("problem", "yes" if row.get("scalable") else "no")
        assert row["summary"] in " ".join(out.split())


def test_backends_lists_a_broken_plugin_with_its_reason(qgd):
    row = qgd_core.backends.registry.BackendRow
    rows = [
        row("emulator", (), "qgd-core", "0.1.0", "ok", "", ""),
        row("odd", ("a", "b"), "qgd-backend-odd", "3", "broken", "ImportError: No module named '[/x]'", ""),
    ]
    qgd.patch.setattr(qgd_core.backends.registry, "list_backends", lambda: rows)
    code, out, _ = qgd("backends")
    assert code == 0
    assert "broken: ImportError: No module named '[/x]'" in " ".join(out.split())
