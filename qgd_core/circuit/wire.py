"""Storing a circuit tree as JSON, each distinct block once, and reading it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import index
from typing import Any

from qgd_core.circuit.circuit import Call, Circuit, CircuitBuilder, Op
from qgd_core.circuit.ops import Gate, Measure, PostSelect, Reset
from qgd_core.errors import ConfigError

FORMAT = "qgd-circuit-1"


def to_json(circuit: Circuit) -> str:
    """Write a circuit tree as JSON.

    Arguments: circuit, any size: the text grows with the number of distinct blocks.
    Result: {"format", "blocks"}; a block calls only blocks written before it, and the last one is the circuit.
    Every angle reads back as the same float64.
    Raises: nothing.
    Source: none.
    """
    places: dict[Circuit, int] = {}
    blocks: list[dict[str, Any]] = []

    def place(block: Circuit) -> int:
        if block not in places:
            rows = [_row(op, place) for op in block.ops]
            places[block] = len(blocks)
            blocks.append(
                {"name": block.name, "n_qubits": block.n_qubits, "n_bits": block.n_bits, "ops": rows}
            )
        return places[block]

    place(circuit)
    return json.dumps({"format": FORMAT, "blocks": blocks})


def from_json(text: str) -> Circuit:
    """Read a circuit tree that to_json wrote, checking every op as a builder does.

    Arguments: text.
    Result: the circuit, with as many distinct blocks as were written.
    Raises: ConfigError when the text is not such a circuit, naming the block and op at fault.
    Source: none.
    """
    place = "the top"
    try:
        stored = json.loads(text)
        if stored["format"] != FORMAT:
            raise ConfigError(f"The circuit has format {stored['format']!r}, expected {FORMAT!r}.")
        blocks: dict[int, Circuit] = {}
        for block in stored["blocks"]:
            builder = CircuitBuilder(str(block["name"]), index(block["n_qubits"]), index(block["n_bits"]))
            for i, row in enumerate(block["ops"]):
                place = f"op {i} of block {builder.name!r}"
                _read(builder, dict(row), blocks)
            blocks[len(blocks)] = builder.build()
        return blocks[len(blocks) - 1]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"The stored circuit is malformed at {place}: {error}.", remedy="Store it again with to_json."
        ) from error


def _row(op: Op, place: Callable[[Circuit], int]) -> dict[str, Any]:
    """The op as the arguments of the builder's method, a block as its place."""
    row = {"op": _NAMES[type(op)]} | {name: getattr(op, name) for name in type(op).__slots__}
    return row | {"circuit": place(op.circuit)} if isinstance(op, Call) else row


def _read(builder: CircuitBuilder, row: dict[str, Any], blocks: dict[int, Circuit]) -> None:
    """Append one stored op."""
    name = row.pop("op")
    if name not in _NAMES.values():
        raise ValueError(f"unknown op {name!r}")
    if name == "call":
        row["circuit"] = blocks[row["circuit"]]
    getattr(builder, name)(**row)


_NAMES: dict[type[Op], str] = {
    Gate: "gate",
    Call: "call",
    Measure: "measure",
    Reset: "reset",
    PostSelect: "postselect",
}
