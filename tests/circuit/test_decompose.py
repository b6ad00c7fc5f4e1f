from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.decompose import decompose
from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS
from qgd_core.circuit.ops import GATES
from qgd_core.errors import ConfigError

NATIVE = {
    "clifford and rotations": CLIFFORD_ROTATION_BASIS,
    "with toffoli, cz and swap": CLIFFORD_ROTATION_BASIS | {"ccx", "cz", "swap", "cry"},
    "least": frozenset({"h", "rz", "gphase", "cx"}),
    "phases and cz": frozenset({"rx", "phase", "gphase", "cz"}),
    "wide": frozenset({"h", "ry", "rz", "gphase", "cx", "mux_ry", "cmux_rz", "cdiagonal", "ccphase", "cccx"}),
}
N = 5


@pytest.mark.parametrize("native", NATIVE.values(), ids=NATIVE)
@pytest.mark.parametrize("n_controls", [0, 1, 2, 3])
@pytest.mark.parametrize("name", GATES)
def test_every_gate_is_exact_in_native_gates_and_leaves_the_workspace_clean(
    name, n_controls, native, dense, random_gate, assert_clean
):
    rng = np.random.default_rng([n_controls, *name.encode()])
    for _ in range(2):
        circuit = random_gate(rng, N, name, n_controls)
        gates = tuple(decompose(circuit.ops[0], native, free=N))
        assert {g.key for g in gates} <= native
        assert all(value for g in gates for _, value in g.controls)
        width = max([N, *(q + 1 for g in gates for q in g.qubits)])
        assert_clean(Circuit("lowered", width, gates), dense(circuit))


def gates_of(name, targets, params=(), controls=()):
    n = 1 + max(*targets, *(q for q, _ in controls), 0)
    builder = CircuitBuilder(name, n)
    builder.gate(name, targets, params, controls)
    return list(decompose(builder.build().ops[0], CLIFFORD_ROTATION_BASIS, free=n))


@pytest.mark.parametrize("k", [3, 4, 5, 10, 20])
def test_a_multi_controlled_x_costs_6k_minus_6_cx_and_8k_minus_9_t(k):
    gates = gates_of("x", [k], controls=[(q, 1) for q in range(k)])
    names = [g.key for g in gates]
    assert names.count("cx") == 6 * k - 6
    assert names.count("t") + names.count("tdg") == 8 * k - 9
    assert max(q for g in gates for q in g.qubits) == k + k - 2


@pytest.mark.parametrize(
    ("name", "two_qubit", "turns"), [("ry", 2, 2), ("rz", 2, 2), ("rx", 2, 2), ("phase", 2, 3)]
)
def test_a_controlled_rotation_costs_two_cx(name, two_qubit, turns):
    names = [g.key for g in gates_of(name, [1], [0.3], [(0, 0)])]
    assert names.count("cx") == two_qubit
    assert sum(name in ("rx", "ry", "rz", "phase") for name in names) == turns


def test_many_controls_on_a_phase_leave_one_rotation():
    gates = gates_of("gphase", [], [0.3], [(q, 1) for q in range(5)])
    assert [g.params for g in gates if g.params] == [(0.3,)]


def test_a_controlled_sign_needs_no_rotation():
    gates = gates_of("gphase", [], [np.pi], [(q, 1) for q in range(4)])
    assert not any(g.params for g in gates)


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("x", {"rz", "gphase"}),
        ("gphase", {"h", "rz", "cx"}),
        ("swap", {"h", "rz", "gphase"}),
        ("h", {"rz", "phase", "gphase", "cx"}),
        ("mux_ry", {"rz", "gphase", "cx"}),
    ],
)
def test_gates_out_of_reach_are_refused(name, native, random_gate):
    (gate,) = random_gate(np.random.default_rng(1), 3, name, 0).ops
    with pytest.raises(ConfigError, match="cannot be built from the native gates"):
        list(decompose(gate, frozenset(native), free=3))
