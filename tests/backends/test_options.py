"""Options are checked, never coerced."""

from dataclasses import dataclass
from typing import Literal

import pytest

from qgd_core.backends.options import read_options
from qgd_core.errors import ConfigError


@dataclass(frozen=True)
class Toy:
    form: Literal["round", "square"] = "round"
    threads: int = 1
    noise: float = 0.0
    label: str | None = None

    def __post_init__(self):
        if self.noise < 0:
            raise ConfigError("noise is negative.", value=self.noise)


def test_defaults_and_given_values():
    assert read_options(Toy, {}, "toy") == Toy()
    given = {"form": "square", "threads": 2, "noise": 0.5, "label": "a"}
    assert read_options(Toy, given, "toy") == Toy(**given)


def test_an_unknown_option_tells_the_nearest_and_lists_all():
    with pytest.raises(ConfigError, match=r"'thread' of backend toy.*'threads'") as caught:
        read_options(Toy, {"thread": 1}, "toy")
    assert all(name in caught.value.remedy for name in ("form", "threads", "noise", "label"))


@pytest.mark.parametrize(
    ("options", "name"),
    [({"threads": "2"}, "threads"), ({"threads": 1.5}, "threads"), ({"threads": True}, "threads"),
     ({"form": "oval"}, "form"), ({"noise": "much"}, "noise"), ({"label": 3}, "label")],
)  # fmt: skip
def test_a_wrong_type_is_refused_with_what_the_option_takes(options, name):
    with pytest.raises(ConfigError, match=f"'{name}' of backend toy") as caught:
        read_options(Toy, options, "toy")
    assert caught.value.remedy


def test_the_dataclass_may_refuse_a_value_itself():
    with pytest.raises(ConfigError, match="negative"):
        read_options(Toy, {"noise": -1.0}, "toy")
