"""Discovery: what is broken, doubled or of another API version is named, and harms nothing else."""

import subprocess
import sys
import textwrap

import pytest

from qgd_core.backends import registry
from qgd_core.errors import ConfigError, PluginError, UnknownBackend

PLUGIN = """
from qgd_core.plugin import BackendDescription, hookimpl

@hookimpl
def qgd_backend():
    return BackendDescription(
        {name!r}, ("one", "fake:<name>"), "a toy", lambda target, options: (target, options), {version}
    )
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path in which `add` installs a distribution, as pip would leave it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.installed.cache_clear()

    made = []

    def add(distribution, name, module, source):
        made.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{distribution.replace('-', '_')}-0.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n")
        (info / "entry_points.txt").write_text(f"[qgd.backends]\n{name} = {module}\n")
        return tmp_path

    yield add
    for module in made:
        sys.modules.pop(module, None)
    registry.installed.cache_clear()


def row(name, distribution=None):
    found = [r for r in registry.list_backends() if r.name == name and distribution in (None, r.distribution)]
    assert len(found) == 1
    return found[0]


def test_the_built_in_backends_are_listed():
    names = {r.name: r for r in registry.list_backends()}
    assert {"emulator", "reference"} <= set(names)
    assert names["reference"].status == "ok"
    assert names["reference"].distribution == "qgd-core"


def test_a_plugin_is_found_and_made_with_its_target_and_options(site):
    site("qgd-toy", "toy", "qgd_toy_module", PLUGIN.format(name="toy", version=1))
    assert row("toy") == registry.BackendRow(
        "toy", ("one", "fake:<name>"), "qgd-toy", "0.3", "ok", "", "a toy"
    )
    assert registry.get_backend("toy", depth=3) == ("one", {"depth": 3})
    assert registry.get_backend("toy:fake:manila") == ("fake:manila", {})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'"),
        ("raise SystemExit('stop')", "SystemExit: stop"),
        ("def (", "SyntaxError"),
        ("x = 1", "has no function qgd_backend"),
        (PLUGIN.format(name="bad", version=2), "plugin API 2, this core has 1"),
        (PLUGIN.format(name="other", version=1), "describes 'other'"),
        (
            PLUGIN.format(name="bad", version=1).replace("def qgd_backend()", "def qgd_backend(x)"),
            "Argument(s) {'x'}",
        ),
        ("from qgd_core.plugin import hookimpl\n@hookimpl\ndef qgd_backend(): return 7", "returned 7"),
    ],
)
def test_a_broken_plugin_is_listed_with_its_reason_and_harms_no_other(site, source, reason):
    site("qgd-toy", "toy", "qgd_toy_module", PLUGIN.format(name="toy", version=1))
    site("qgd-bad", "bad", "qgd_bad_module", source)
    bad = row("bad")
    assert (bad.status, bad.distribution, bad.version) == ("broken", "qgd-bad", "0.3")
    assert reason in bad.reason
    assert row("toy").status == "ok"
    assert registry.get_backend("reference").name == "reference"
    with pytest.raises(PluginError, match=r"qgd-bad 0\.3 is broken") as caught:
        registry.get_backend("bad")
    assert reason in caught.value.message


def test_one_name_from_two_distributions_is_refused_naming_both(site):
    site("qgd-one", "twin", "qgd_twin_one", PLUGIN.format(name="twin", version=1))
    site("qgd-two", "twin", "qgd_twin_two", PLUGIN.format(name="twin", version=1))
    for distribution in ("qgd-one", "qgd-two"):
        assert row("twin", distribution).status == "duplicate"
        assert "qgd-one and qgd-two" in row("twin", distribution).reason
    with pytest.raises(PluginError, match="qgd-one and qgd-two"):
        registry.get_backend("twin")


def test_a_plugin_cannot_take_the_name_of_a_built_in_backend(site):
    site("qgd-rogue", "reference", "qgd_rogue", PLUGIN.format(name="reference", version=1))
    assert row("reference", "qgd-rogue").status == "duplicate"
    assert row("reference", "qgd-core").status == "ok"
    assert registry.get_backend("reference").capabilities.postselect


def test_unreadable_metadata_harms_no_other(site):
    folder = site("qgd-toy", "toy", "qgd_toy_module", PLUGIN.format(name="toy", version=1))
    info = folder / "mangled-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[qgd.backends]\nthis line has no equals sign\n")
    assert row("toy").status == "ok"


def test_an_unknown_name_tells_the_nearest_what_is_installed_and_the_command():
    with pytest.raises(UnknownBackend) as caught:
        registry.get_backend("refrence")
    assert "'reference'" in caught.value.message
    assert "emulator" in caught.value.remedy
    assert "pip install" not in caught.value.remedy


def test_a_known_backend_that_is_not_installed_is_named_with_its_command(monkeypatch):
    with pytest.raises(UnknownBackend, match="pip install qgd-backend-qiskit"):
        registry.Registry([]).create("qiskit:aer", {})


def test_an_unknown_target_lists_the_targets(site):
    site("qgd-toy", "toy", "qgd_toy_module", PLUGIN.format(name="toy", version=1))
    with pytest.raises(UnknownBackend, match="one, fake:<name>"):
        registry.get_backend("toy:two")
    with pytest.raises(UnknownBackend):
        registry.get_backend("toy:fake:")
    with pytest.raises(UnknownBackend, match="none"):
        registry.get_backend("reference:aer")


def test_a_backend_that_fails_to_start_gives_a_plugin_error(site):
    source = PLUGIN.format(name="toy", version=1).replace("(target, options), 1", "1 / 0, 1")
    site("qgd-toy", "toy", "qgd_toy_module", source)
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        registry.get_backend("toy")


def test_the_backend_must_be_a_string():
    with pytest.raises(ConfigError):
        registry.get_backend(3)


def test_listing_imports_no_sdk_and_no_torch_even_with_a_broken_plugin(site):
    folder = site("qgd-bad", "bad", "qgd_bad_import", "import no_such_sdk")
    script = (
        "import sys, time; start = time.process_time(); import qgd_core as q; rows = q.list_backends();"
        "took = time.process_time() - start;"
        "assert any(r.status == 'broken' for r in rows), rows;"
        "assert not {'torch', 'qiskit', 'cirq', 'braket', 'pennylane'} & set(sys.modules), 'SDK';"
        "assert 'numpy' not in sys.modules, 'numpy'; print(took)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        text=True,
        capture_output=True,
        env={"PYTHONPATH": str(folder)},
    )
    assert float(out.stdout) < 1.0
