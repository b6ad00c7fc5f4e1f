from __future__ import annotations

import json

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder, unroll
from qgd_core.circuit.counts import count
from qgd_core.circuit.wire import FORMAT, from_json, to_json
from qgd_core.errors import ConfigError


@pytest.mark.parametrize("seed", range(10))
def test_a_tree_comes_back_the_same(seed, random_tree):
    circuit = random_tree(np.random.default_rng(seed), 4, 2)
    text = to_json(circuit)
    read = from_json(text)
    assert list(unroll(read)) == list(unroll(circuit))
    assert (read.name, read.n_qubits, read.n_bits) == (circuit.name, circuit.n_qubits, circuit.n_bits)
    assert to_json(read) == text


def test_measurements_resets_and_selections_come_back(random_marching):
    circuit, _ = random_marching(np.random.default_rng(0))
    builder = CircuitBuilder("with_reset", 4, 2)
    builder.reset([2, 0])
    builder.call(circuit, [3, 2, 1, 0])
    circuit = builder.build()
    assert list(unroll(from_json(to_json(circuit)))) == list(unroll(circuit))


def test_each_block_is_stored_once():
    block = CircuitBuilder("leaf", 2)
    block.gate("ry", [0], [1 / 3], [(1, 0)])
    block = block.build()
    for level in range(40):
        builder = CircuitBuilder(f"level{level}", 2)
        builder.call(block, [0, 1], repeat=2)
        builder.call(block, [1, 0], adjoint=True)
        block = builder.build()
    text = to_json(block)
    assert len(json.loads(text)["blocks"]) == 41
    assert count(from_json(text)) == count(block)


def stored(**changes):
    op = {"op": "gate", "name": "ry", "targets": [0], "params": [0.5], "controls": [[1, 0]]} | changes
    block = {"name": "b", "n_qubits": 2, "n_bits": 0, "ops": [op]}
    return json.dumps({"format": FORMAT, "blocks": [block]})


def test_the_format_is_what_is_documented():
    builder = CircuitBuilder("b", 2)
    builder.gate("ry", [0], [0.5], [(1, 0)])
    assert json.loads(to_json(builder.build())) == json.loads(stored())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        (json.dumps({"format": "other", "blocks": []}), "format 'other'"),
        (json.dumps({"format": FORMAT, "blocks": []}), "malformed"),
        (json.dumps({"format": FORMAT, "blocks": [{"name": "b"}]}), "malformed"),
        (stored(op="build"), "op 0 of block 'b': unknown op 'build'"),
        (stored(name="cnot"), "Unknown gate"),
        (stored(params=[]), "do not fit"),
        (stored(params=["x"]), "real numbers"),
        (stored(targets=[2]), "below 2"),
        (stored(targets=[0.5]), "whole numbers"),
        (stored(controls=[[1]]), "pairs"),
        (stored(more=1), "op 0 of block 'b'"),
        (
            json.dumps(
                {
                    "format": FORMAT,
                    "blocks": [
                        {
                            "name": "loop",
                            "n_qubits": 1,
                            "n_bits": 0,
                            "ops": [{"op": "call", "circuit": 0, "qubits": [0]}],
                        }
                    ],
                }
            ),
            "op 0 of block 'loop'",
        ),
    ],
)
def test_a_malformed_circuit_is_refused_by_place(text, words):
    with pytest.raises(ConfigError, match=words):
        from_json(text)
