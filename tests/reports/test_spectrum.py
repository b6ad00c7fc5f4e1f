import json

import numpy as np
import pytest

from qgd_core.learn.active import ActiveSet
from qgd_core.learn.dissipation import Dissipation, DissipationReport, Snapshot, Upload
from qgd_core.learn.lanczos import Quadrature
from qgd_core.learn.proxy import admissible_stretch, error_proxy, exact_proxy, proxy_sensitivity
from qgd_core.learn.spectrum import Spectrum
from qgd_core.reports.spectrum import write_spectrum_report


@pytest.fixture
def report():
    nodes = np.array([-1.0, -0.1, 0.2, 3.0])
    spectrum = Spectrum((Quadrature(nodes, np.full(4, 0.25), np.zeros(4)),), 50)
    t = np.arange(101.0)
    proxy = error_proxy(spectrum.eigenvalues, spectrum.density, 0.01, t)
    stages = enumerate(("dense", "pruned", "sparse"))
    shots = tuple(Snapshot(10 * i, stage, ActiveSet({}, {}), spectrum, 1.5, 0.4) for i, stage in stages)
    uploads = tuple(
        Upload(
            step,
            t,
            proxy,
            exact_proxy(*spectrum.ritz, 0.01, t),
            admissible_stretch(t, proxy),
            proxy_sensitivity(spectrum, 0.01),
        )
        for step in (10, 110)
    )
    return DissipationReport(Dissipation(), shots, uploads, ((0, 0.5, 0.4, True), (10, 0.3, 0.2, False)))


def test_files_are_whole_and_numbers_are_those_of_the_report(tmp_path, report):
    write_spectrum_report(report, tmp_path, "small")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["report.html", "spectrum.json"]
        + [
            f"{name}.{kind}"
            for name in ("densities", "proxy", "accuracy", "pruned")
            for kind in ("svg", "png")
        ]
    )
    numbers = json.loads((tmp_path / "spectrum.json").read_text())
    assert [shot["stage"] for shot in numbers["snapshots"]] == ["dense", "pruned", "sparse"]
    assert numbers["snapshots"][0]["negative_mass"] == pytest.approx(1.1 / 4.3)
    assert numbers["snapshots"][0]["negative_mass_error"] is None  # one probe has no error bar
    assert numbers["uploads"][0]["window"] is None  # it does not end
    assert numbers["uploads"][0]["best"] == report.uploads[0].stretch.best
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_same_report_same_files(tmp_path, report):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_spectrum_report(report, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
