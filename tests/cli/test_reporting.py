import pytest

from qgd_core.reports.run import Run


def test_report_writes_the_page_again(qgd):
    qgd("train", "job.toml")
    page = qgd.folder / "runs" / "job-001" / "report.html"
    before = page.read_text()
    page.unlink()
    code, out, _ = qgd("report", "runs/job-001")
    assert (code, page.read_text()) == (0, before)
    assert "0.3193" in out


@pytest.mark.parametrize("run", ["runs/job-007", "job.toml"])
def test_report_refuses_what_is_no_run(qgd, run: str):
    code, _, err = qgd("report", run)
    assert code == 2
    assert "is not the folder of a run" in err


def test_report_refuses_a_run_without_windows(qgd):
    Run.create(qgd.folder / "runs", "job", "", {})
    code, _, err = qgd("report", "runs/job-001")
    assert code == 2
    assert "no finished window" in err
