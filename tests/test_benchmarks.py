"""The page of all routes: rows held to their limits, sections replaced one by one, and peers that are not there."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import solvers
from routes import peers
from routes.rows import HEAD, Limit


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        ((100, 14, 0.5, 1e-3, 1e-2), ""),
        ((101, 14, 0.5, 1e-3, 1e-2), "CX, CX / success"),
        ((100, 15, 0.5, 1e-3, 1e-2), "qubits"),
        ((100, 14, 0.49, 1e-3, 1e-2), "CX / success, success"),
        ((100, 14, 0.5, 3e-3, 1e-2), "error, a quarter of N = 1"),
        ((100, 14, 0.5, 1e-3, 3e-3), "a quarter of N = 1"),
    ],
)
def test_a_row_says_which_limits_it_misses(found, missed):
    said = Limit(100, 14, 2e-3, 0.5, 200.0).judge(*found)
    assert said.startswith(f"not met ({missed}): " if missed else "met: ")


def test_a_row_without_limits_says_nothing():
    assert Limit().judge(1, 1, 1.0, 1.0) == ""


def test_sections_are_put_into_the_page_one_by_one(tmp_path, monkeypatch, capsys):
    page, said = tmp_path / "page.md", {"first": "old", "second": "| a | row |", "third": "new"}

    def section(name):
        def show():
            print(said[name])

        show.__doc__ = f"About {name}."
        return show

    monkeypatch.setattr(solvers, "SECTIONS", {name: section(name) for name in said})

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["solvers.py", "--write", str(page), *arguments])
        solvers.main()
        return page.read_text()

    assert "## Third" not in run("second", "first")
    said["first"] = "newer"
    whole = run("--from", "third")
    assert [whole.index(f"## {name}") for name in ("First", "Second", "Third")] == sorted(
        whole.index(f"## {name}") for name in ("First", "Second", "Third")
    )
    assert "old" in whole
    replaced = run("first")
    assert "old\n" not in replaced
    assert "newer" in replaced
    assert replaced.count("| a | row |") == 1
    assert "About second." in replaced
    assert "second: | a | row |" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [None, "no reason"])
def test_a_peer_that_does_not_answer_is_shown_as_recorded(answer, monkeypatch, capsys):
    monkeypatch.setattr(peers, "ask", lambda peer, task: answer)
    peers.peer_row("8", "nwqlib", {}, {"name": "NWQLib 1.0.3", "cx": 100, "success": 0.5, "error": 1e-3})
    shown = capsys.readouterr().out
    assert "NWQLib 1.0.3, as recorded" in shown
    assert "| 200 |" in shown
    assert shown.strip().count("|") == HEAD.count("|")


def test_a_peer_that_fails_says_why_and_one_that_is_missing_nothing(monkeypatch, capsys):
    monkeypatch.setattr(peers, "ask", lambda peer, task: "it did | not work")
    peers.peer_row("8", "qrisp", {})
    shown = capsys.readouterr().out
    assert "it did / not work" in shown
    assert shown.strip().count("|") == HEAD.count("|")
    monkeypatch.setattr(peers, "ask", lambda peer, task: None)
    peers.peer_row("8", "qrisp", {})
    assert capsys.readouterr().out == ""


def test_a_failing_peer_is_asked_in_a_process_of_its_own():
    assert "Error" in str(peers.ask("pennylane", {"kind": "nothing"}))
