import tomllib
from pathlib import Path

import pytest

from qgd_core.config import Config, read_config, write_toml
from qgd_core.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "breast_cancer.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.toml"


def refusal(file: Path, text: str, *changes: str) -> str:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(file, changes)
    return str(caught.value)


def test_the_example_is_the_main_job() -> None:
    config = read_config(EXAMPLE)
    assert (config.backend, config.data.name, config.model) == ("qiskit:aer", "breast_cancer", Config().model)
    assert (config.prune.keep, config.accuracy.shots is None) == (4, False)
    assert config.windows.count >= 3
    assert config.windows.steps >= 5
    assert config.windows.order >= 2


def test_toml_values_arrive(file: Path) -> None:
    file.write_text('seed = 7\n[windows]\nlearning_rate = 1\n[accuracy]\nshots = 100\n[data]\nname = "wine"')
    config = read_config(file)
    assert (config.seed, config.windows.learning_rate, config.accuracy.shots) == (7, 1.0, 100)
    assert config.data.name == "wine"
    assert config.windows.steps == 6


def test_changes_win_over_the_file(file: Path) -> None:
    file.write_text('backend = "reference"\n[windows]\nsteps = 5')
    config = read_config(
        file,
        [
            "backend=qiskit:aer",
            "windows.steps = 8",
            "data.name='wine'",
            "backend_options.deep.x=[1, 2]",
            "seed=3",
        ],
    )
    assert (config.backend, config.windows.steps, config.data.name, config.seed) == (
        "qiskit:aer",
        8,
        "wine",
        3,
    )
    assert config.backend_options == {"deep": {"x": [1, 2]}}


def test_none_stands_for_no_value(file: Path) -> None:
    file.write_text('[windows.admissible]\nmax_power_norm = "none"\nmax_r_number = 2')
    config = read_config(file, ["accuracy.shots=none"])
    assert config.accuracy.shots is None
    assert (config.windows.admissible.max_power_norm, config.windows.admissible.max_r_number) == (None, 2.0)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("seeed = 1", ["unknown key 'seeed' (did you mean 'seed'?)", "top level takes seed, backend,"]),
        ("l2 = 1.0", ["unknown key 'l2' (did you mean 'model.l2'?)"]),
        (
            "[windows]\nordr = 2",
            ["unknown key 'windows.ordr' (did you mean 'windows.order'?)", "[windows] takes count"],
        ),
        (
            "[windows.admissible]\nzzz = 2",
            ["unknown key 'windows.admissible.zzz'", "[windows.admissible] takes"],
        ),
        ("seed = 1.5", ["'seed' must be an integer, not 1.5"]),
        ("seed = true", ["'seed' must be an integer, not true"]),
        ("seed = -1", ["'seed' must be at least 0, not -1"]),
        ("data = 3", ["'data' must be a table, not 3"]),
        ('[prune]\nkeep = "four"', ["""'prune.keep' must be an integer, not "four\""""]),
        ("[windows]\norder = 7", ["'windows.order' must be at most 4, not 7"]),
        ("[data]\nstandardise = 1", ["'data.standardise' must be true or false, not 1"]),
        ("[data]\ntest_fraction = 1", ["'data.test_fraction' must be less than 1.0, not 1"]),
        ("[windows]\nlearning_rate = inf", ["'windows.learning_rate' must be a finite number"]),
        ('[accuracy]\nshots = "many"', ["""'accuracy.shots' must be an integer or 'auto', not "many\""""]),
        ("backend_options = 4", ["'backend_options' must be a table, not 4"]),
        ("seed = ?\nbackend = 1", ["is not valid TOML", "line 1"]),
    ],
)
def test_each_mistake_is_named(file: Path, text: str, parts: list[str]) -> None:
    told = refusal(file, text)
    assert str(file) in told
    for part in parts:
        assert part in told


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    told = refusal(file, 'sed = 1\nbackend = 2\n[prune]\nkeep = "x"')
    assert told.count(";") == 2
    assert "\n" not in told


@pytest.mark.parametrize("change", ["windows.steps", "=3", "windows.=3"])
def test_a_change_needs_a_key_and_a_value(file: Path, change: str) -> None:
    assert "Write --set table.key=value." in refusal(file, "", change)


def test_a_change_cannot_open_a_value_as_a_table(file: Path) -> None:
    assert "'seed' is a value, not a table" in refusal(file, "seed = 1", "seed.x=3")


def test_a_change_cannot_smuggle_a_second_key(file: Path) -> None:
    assert "must be an integer" in refusal(file, "", 'seed=3\nbackend="emulator"')


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_config(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_config(tmp_path)


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"seed = \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_config(file)


def test_what_is_written_reads_back(file: Path) -> None:
    options = {
        "a-b": 1,
        "c d": 'quo"te \\ \x7f \u20ac \U0001f600',
        "on": True,
        "e": [1.5e-300, "x"],
        "t": {"f": 0.1},
    }
    config = Config.model_validate(
        {"backend_options": options, "accuracy": {"shots": None, "budget": 0.1 + 0.2}}
    )
    text = write_toml(config)
    assert tomllib.loads(text)["backend_options"] == options
    file.write_text(text, encoding="utf-8")
    assert read_config(file) == config
