"""The configuration of a training run: the tables of a TOML file, checked key by key."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from qgd_core.errors import ConfigError

# TOML has no null: "none" stands for it.
Unset = BeforeValidator(lambda value: None if value == "none" else value)
Limit = Annotated[Annotated[float, Field(gt=0)] | None, Unset]


class Table(BaseModel):
    """A TOML table: unknown keys are refused and no type is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


T = TypeVar("T", bound=Table)


class Data(Table):
    """What is learned from: a bundled data set, the share held out for testing, and its scaling."""

    name: str = "breast_cancer"
    test_fraction: float = Field(default=0.25, gt=0, lt=1)
    standardise: bool = True


class Model(Table):
    """What is trained: the kind of model and the weight of its L2 penalty."""

    kind: str = "logistic"
    l2: float = Field(default=0.1, ge=0)


class Prune(Table):
    """How many weights stay active after the dense fit."""

    keep: int = Field(default=4, ge=1)


class Admissible(Table):
    """What a window must satisfy before it runs on the quantum side; a limit of "none" is not checked."""

    max_log_norm: Annotated[float | None, Unset] = None
    max_power_norm: Limit = 1.1
    max_r_number: Limit = None


class Windows(Table):
    """The quantum windows: how many, how long, and how each is approximated."""

    count: int = Field(default=3, ge=1)
    steps: int = Field(default=6, ge=1)
    learning_rate: float = Field(default=1.0, gt=0)
    # Each order needs one more derivative of the loss, about five times the work: four is the practical end.
    order: int = Field(default=2, ge=1, le=4)
    newton_steps: int = Field(default=1, ge=0)
    solver: str = "marching"
    admissible: Admissible = Admissible()


class Train(Table):
    """The rule of a step, that of torch.optim.SGD: minibatches ("none": all data), momentum, decay and schedule.

    recentre and preconditioner are windows' own: the model's fixed point as the centre, and P of the Hessian there.
    """

    batch_size: Annotated[Annotated[int, Field(ge=1)] | None, Unset] = None
    momentum: float = Field(default=0.0, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine", "exponential"] = "constant"
    decay: float = Field(default=0.95, gt=0, le=1)
    preconditioner: Annotated[Literal["newton", "diagonal"] | None, Unset] = None
    recentre: bool = False


class Accuracy(Table):
    """The error allowed in a window, relative to its move, and the shots spent on it ("none": exact amplitudes)."""

    budget: float = Field(default=0.05, gt=0, lt=1)
    shots: Annotated[Annotated[int, Field(ge=1)] | Literal["auto"] | None, Unset] = "auto"


class Config(Table):
    """A training run, complete: every table has defaults, so an empty file is a valid one."""

    seed: int = Field(default=0, ge=0)
    backend: str = "qiskit:aer"
    backend_options: dict[str, Any] = {}
    data: Data = Data()
    model: Model = Model()
    prune: Prune = Prune()
    train: Train = Train()
    windows: Windows = Windows()
    accuracy: Accuracy = Accuracy()


def read_config(path: str | Path, changes: Sequence[str] = ()) -> Config:
    """Read a training run's configuration; arguments, result and errors as for `read_table`."""
    return read_table(path, changes, Config)


def read_table(path: str | Path, changes: Sequence[str], schema: type[T]) -> T:
    """Read a configuration of any schema.

    Arguments: path of a TOML file; changes, texts "table.key=value" that override it, the value as in TOML or a
    bare word; schema, the table that the file's top level must be.
    Result: the configuration, defaults filled in.
    Raises: ConfigError for a missing or malformed file, an unknown key (with the nearest one and the valid ones)
    and every value of a wrong type or range.
    Source: none.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{path} cannot be read: {reason}.",
            subject=str(path),
            remedy="Name a TOML file, such as examples/breast_cancer.toml.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is not valid TOML: {error}.", subject=str(path), remedy="Correct that line."
        ) from None
    for change in changes:
        _apply(tables, change)
    try:
        return schema.model_validate(tables)
    except ValidationError as error:
        source = f"{path} with its --set values" if changes else str(path)
        raise ConfigError(
            f"{source} is not valid: {'; '.join(_mistakes(error, schema))}.",
            subject=error,
            remedy=_valid_keys(error, schema),
        ) from None


def write_toml(config: Table) -> str:
    """Return the configuration as TOML text that reads back to an equal one."""
    return "\n".join(_lines(config.model_dump(), "")) + "\n"


def read_changes(changes: Sequence[str]) -> dict[str, Any]:
    """The table that texts "key=value" make, as --set gives them; ConfigError where one has no key and value."""
    table: dict[str, Any] = {}
    for change in changes:
        _apply(table, change)
    return table


def _apply(tables: dict[str, Any], change: str) -> None:
    """Set one "table.key=value" in the tables."""
    key, separator, text = change.partition("=")
    *folders, leaf = key.strip().split(".")
    if not separator or not leaf:
        raise ConfigError(f"--set {change!r} has no key and value.", remedy="Write --set table.key=value.")
    for folder in folders:
        tables = tables.setdefault(folder, {})
        if not isinstance(tables, dict):
            raise ConfigError(f"--set {change!r}: {folder!r} is a value, not a table.", subject=change)
    tables[leaf] = _value(text.strip())


def _value(text: str) -> Any:
    """Read a TOML value; anything else is taken as a string."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


# Kind of a pydantic error -> what should have been there, with its context filled in.
EXPECTED = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
}


def _mistakes(error: ValidationError, schema: type[Table]) -> Iterator[str]:
    """Say each mistake in words; the branches of one union become one mistake."""
    valid = dict(_keys(schema))
    expected: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            yield _unknown(key, valid)
            continue
        while key not in valid and "." in key:
            key = key.rpartition(".")[0]
        phrase = EXPECTED.get(detail["type"], detail["msg"]).format(**detail.get("ctx", {}))
        expected.setdefault(key, []).append(phrase)
        values[key] = detail["input"]
    for key, phrases in expected.items():
        subject = f"{key!r}" if key else "the file"
        yield f"{subject} must be {' or '.join(phrases)}, not {json.dumps(values[key], default=str)}"


def _unknown(key: str, valid: Mapping[str, type[Table] | None]) -> str:
    """Say that a key is unknown, and which one it may have meant, in its own table before any other."""
    table, _, leaf = key.rpartition(".")
    siblings = [name for name in valid if name.rpartition(".")[0] == table]
    leaves = {name.rpartition(".")[2]: name for name in [*valid, *siblings]}
    near = difflib.get_close_matches(leaf, leaves, 1)
    return f"unknown key {key!r}" + (f" (did you mean {leaves[near[0]]!r}?)" if near else "")


def _valid_keys(error: ValidationError, schema: type[Table]) -> str:
    """List the keys of each table in which an unknown one stands."""
    unknown = [detail["loc"][:-1] for detail in error.errors() if detail["type"] == "extra_forbidden"]
    lists = []
    for table in dict.fromkeys(".".join(map(str, place)) for place in unknown):
        names = [name.rpartition(".") for name, _ in _keys(schema)]
        where = f"[{table}]" if table else "the top level"
        lists.append(f"{where} takes {', '.join(leaf for parent, _, leaf in names if parent == table)}")
    return f"Valid keys: {'; '.join(lists)}." if lists else ""


def _keys(table: type[Table], prefix: str = "") -> Iterator[tuple[str, type[Table] | None]]:
    """Yield every dotted key of a table, with the table it holds or None."""
    for name, field in table.model_fields.items():
        kind = field.annotation
        inner = kind if isinstance(kind, type) and issubclass(kind, Table) else None
        yield prefix + name, inner
        if inner:
            yield from _keys(inner, f"{prefix}{name}.")


def _lines(table: Mapping[str, Any], title: str) -> Iterator[str]:
    """Yield the lines of a TOML table, values before the tables inside it."""
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    if title:
        yield f"\n[{title}]"
    for name, value in table.items():
        if name not in inner:
            yield f"{_quoted(name)} = {_written(value)}"
    for name, value in inner.items():
        yield from _lines(value, f"{title}.{_quoted(name)}" if title else _quoted(name))


def _quoted(name: str) -> str:
    """A key as TOML writes it."""
    bare = name.replace("-", "_").isidentifier() and name.isascii()
    return name if bare else json.dumps(name)


def _written(value: Any) -> str:
    """A value as TOML writes it; numbers keep every digit."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return '"none"' if value is None else repr(value)
