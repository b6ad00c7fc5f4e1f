from __future__ import annotations

import itertools
import math
import time
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder, unroll
from qgd_core.circuit.counts import Counts, cost, count, rotation_t_count, t_estimate
from qgd_core.circuit.lower import lower
from qgd_core.circuit.ops import Gate
from qgd_core.errors import ConfigError


def tally(circuit):
    """Names of the unrolled primitives, the number of selects in brackets where it varies."""
    names = Counter()
    for op in unroll(circuit):
        if isinstance(op, Gate):
            size = {"mux_ry": -1, "mux_rz": -1, "diagonal": 0}.get(op.name)
            names[op.key + ("" if size is None else f"[{len(op.targets) + size}]")] += 1
        else:
            names[type(op).__name__.lower()] += len(op.qubits)
    return names


@pytest.mark.parametrize("seed", range(20))
def test_counts_are_those_of_the_unrolled_tree(seed, random_tree):
    rng = np.random.default_rng(seed)
    circuit = random_tree(rng, 4, 2)
    for tree in (circuit, circuit.adjoint().controlled((0, 1)), lower(circuit)):
        counts = count(tree)
        assert dict(counts) == tally(tree)
        assert counts.total == sum(1 for _ in unroll(tree))


@pytest.mark.parametrize("seed", range(10))
def test_cost_counts_the_gates_of_the_lowered_tree(seed, random_tree):
    circuit = random_tree(np.random.default_rng(seed), 4, 2)
    gates = list(unroll(lower(circuit)))
    counts = cost(circuit)
    assert counts.two_qubit == sum(len(g.qubits) == 2 for g in gates)
    turns = [Fraction(g.params[0] / math.pi * 4) for g in gates if g.params and g.name != "gphase"]
    far = [t for t in turns if abs(t - round(t)) > 1e-12]
    assert counts.rotations == len(far)
    eighths = sum(round(t) % 2 for t in turns if abs(t - round(t)) <= 1e-12)
    assert counts.t_gates == eighths + sum(g.name in ("t", "tdg") for g in gates)


def test_counts_add_and_multiply(random_tree):
    rng = np.random.default_rng(0)
    one, two = random_tree(rng, 3, 1), random_tree(rng, 3, 1)
    both = CircuitBuilder("both", 3)
    both.call(one, range(3), repeat=5)
    both.call(two, range(3))
    assert count(both.build()) == 5 * count(one) + count(two)
    assert count(one.repeat(0)) == count(one) * 0 == Counts()


def test_what_is_not_unitary_is_counted_in_qubits():
    builder = CircuitBuilder("m", 3, 2)
    builder.reset([0])
    builder.postselect([1, 2])
    builder.measure([1, 2], [0, 1])
    counts = count(builder.build().repeat(10))
    assert counts == Counts({"reset": 10, "postselect": 20, "measure": 20})
    assert counts.measurements == 40
    assert counts.two_qubit == 0


def test_two_qubit_gates_are_known_by_their_keys():
    counts = Counts({"x": 1, "cx": 2, "ccx": 4, "swap": 8, "cswap": 16, "cphase": 32, "ccgphase": 64})
    assert counts.two_qubit == 2 + 8 + 32 + 64
    assert Counts({"mux_ry[1]": 1, "mux_ry[2]": 2, "diagonal[2]": 4, "cdiagonal[1]": 8}).two_qubit == 13


@pytest.mark.parametrize(
    ("angle", "rotations", "t_gates"),
    [(0.3, 1, 0), (math.pi / 4, 0, 1), (-5 * math.pi / 4, 0, 1), (math.pi / 2, 0, 0), (3 * math.pi, 0, 0),
     (math.pi / 4 + 1e-13, 0, 1), (math.pi / 4 + 1e-11, 1, 0)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["rx", "ry", "rz", "phase"])
def test_angles_that_need_no_synthesis_are_told_by_value(name, angle, rotations, t_gates):
    builder = CircuitBuilder("turn", 1)
    builder.gate(name, [0], [angle])
    builder.gate("gphase", [], [0.1])
    assert (count(builder.build()).rotations, count(builder.build()).t_gates) == (rotations, t_gates)


def test_t_estimate_is_three_logarithms_per_rotation():
    assert rotation_t_count(1024, 2.0**-10) == 1024 * 3 * 20
    assert t_estimate(Counts({}, rotations=1024, t_gates=7), 2.0**-10) == 1024 * 60 + 7
    assert t_estimate(Counts({}, rotations=0, t_gates=7), 1e-3) == 7
    for eps in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="must be positive"):
            rotation_t_count(1, eps)


def huge_tree(n):
    """Five levels, each a thousand uses of the one below and one gate of its own."""
    builder = CircuitBuilder("leaf", n)
    for q in range(n):
        builder.gate("h", [q])
        builder.gate("ry", [q], [0.1 + q], [((q + 1) % n, q % 2)])
    block = builder.build()
    for level in range(5):
        builder = CircuitBuilder(f"level{level}", n)
        builder.call(block, range(n), repeat=500)
        builder.call(block, range(n), adjoint=True, repeat=499)
        builder.gate("t", [0])
        builder.call(block, [*range(1, n), 0])
        block = builder.build()
    return block


@pytest.mark.parametrize("counter", [count, cost])
def test_a_tree_of_1e15_gates_is_counted_in_10_ms(counter):
    best = math.inf
    for _ in range(5):
        tree = huge_tree(4)
        start = time.perf_counter()
        counts = counter(tree)
        best = min(best, time.perf_counter() - start)
    assert best < 0.01
    assert counts.total > 10**15
    assert counts["h"] == 4 * 1000**5
    levels = list(itertools.accumulate([1] * 5, lambda below, own: 1000 * below + own))
    assert counts["t"] + counts["tdg"] == levels[-1]


def test_exact_beyond_floats():
    builder = CircuitBuilder("x", 1)
    builder.gate("x", [0])
    block = builder.build()
    for _ in range(4):
        block = block.repeat(10**9 + 7)
    assert count(block)["x"] == (10**9 + 7) ** 4
