import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from qgd_core.reports.html import write_report
from qgd_core.reports.run import Run

Make = Callable[..., dict[str, Any]]
START = {
    "version": "0.1.0",
    "time": "2030-01-02T03:04:05+00:00",
    "backend": "reference",
    "seed": 5,
    "windows": 3,
    "steps": 5,
    "order": 2,
}
VOID = {"meta", "br", "path", "use", "rect", "line", "stop"}


class Outline(HTMLParser):
    """Collects ids, addresses and text, and checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [str(value) for name, value in attrs if name == "id"]
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def run(tmp_path: Path, make_window: Make) -> Run:
    run = Run.create(tmp_path, "job", 'backend = "<b>&"\n', START)
    run.add_window(make_window(1), None)
    run.add_window(make_window(2, "classical", "norm 3 > 2 <script>."), None)
    return run


def read(run: Run) -> tuple[str, Outline]:
    write_report(run)
    page = (run.path / "report.html").read_text()
    outline = Outline()
    outline.feed(page)
    return page, outline


def test_the_page_is_well_formed_and_needs_no_other_file(run: Run, summary: dict[str, Any]) -> None:
    run.finish(summary)
    page, outline = read(run)
    assert outline.open == []
    assert page.count("<svg") == 2
    assert all(address.startswith("#") for address in outline.addresses)
    assert not re.search(r"url\((?!#)", page)
    assert {address[1:] for address in outline.addresses} <= set(outline.ids)


def test_the_page_tells_the_numbers_and_the_verdict(run: Run, summary: dict[str, Any]) -> None:
    run.finish(summary)
    text = " ".join("".join(read(run)[1].words).split())
    for part in (
        "1 of 2 windows took the quantum route",
        "0.3193",
        "0.9302",
        "2,000,000",
        "0.0117 / 0.05",
        "seed 5",
    ):
        assert part in text
    assert "unfinished" not in text
    assert "emulated" not in text


def test_an_emulated_run_says_so(run: Run) -> None:
    run.records[0]["backend"] = "emulator"
    assert "This run was emulated" in "".join(read(run)[1].words)


def test_text_from_outside_is_escaped(run: Run) -> None:
    page, outline = read(run)
    assert "<script>" not in page
    assert "<b>&" not in page
    assert "norm 3 > 2 <script>." in "".join(outline.words)


def test_an_unfinished_run_says_so(run: Run) -> None:
    text = " ".join("".join(read(run)[1].words).split())
    assert "The run is unfinished: 2 of 3 windows are done." in text
    assert "What was gained" not in text
