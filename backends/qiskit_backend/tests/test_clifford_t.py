"""Clifford+T: the compiled circuit against the exact one, the gates it is made of, and its depth in T."""

import math

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.circuit import CircuitBuilder, unroll
from qgd_core.circuit.counts import cost
from qgd_core.circuit.ops import Gate
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate, unitary
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.errors import ConfigError, PrecisionUnreachable

CLIFFORD_T = {"x", "y", "z", "h", "s", "sdg", "t", "tdg", "gphase", "cx", "measure", "postselect"}


def compiled(circuit, error):
    return get_backend("qiskit:clifford_t", synthesis_error=error).compile(Program(circuit))


@pytest.mark.parametrize("error", [1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("seed", range(3))
def test_the_compiled_circuit_simulates_to_within_the_stated_error(error, seed):
    circuit = random_circuit(3, 15, seed, max_controls=1)
    executable = compiled(circuit, error)
    assert 0 < np.linalg.norm(executable.statevector() - simulate(circuit)) < error
    assert set(executable.counts()) <= CLIFFORD_T


@pytest.mark.parametrize("error", [1e-2, 1e-5])
def test_the_error_holds_in_the_operator_norm_and_through_postselection(error):
    circuit = random_circuit(2, 8, 1, max_controls=1)
    built = unitary(compiled(circuit, error).lowered)
    size = built.shape[0] // 4
    assert np.linalg.norm(built[::size, ::size] - unitary(circuit), 2) < error
    circuit = postselected(3, 2, 1)
    assert np.linalg.norm(compiled(circuit, error).statevector() - simulate(circuit)) < error


@pytest.mark.parametrize("angle", [0.3, -0.3, 3.0, 6.5, -9.0, 100.3, -12345.6])
@pytest.mark.parametrize("name", ["rx", "ry", "rz", "phase"])
def test_a_rotation_keeps_its_error_and_phase_at_any_angle(angle, name):
    builder = CircuitBuilder("one", 1)
    builder.gate("ry", [0], [math.pi / 2])
    builder.gate(name, [0], [angle])
    circuit = builder.build()
    compiled(circuit, 1e-2)  # a coarse error asked for first must not spoil a fine one
    assert np.linalg.norm(compiled(circuit, 1e-8).statevector() - simulate(circuit)) < 1e-8


def test_the_number_of_t_gates_follows_ross_and_selinger():
    builder = CircuitBuilder("rotations", 1)
    for angle in (0.1, 0.7, 1.1, 2.3, 2.9):
        builder.gate("rz", [0], [angle])
    for error in (1e-3, 1e-6, 1e-9):
        theory = 5 * 3 * math.log2(5 / error)
        assert abs(compiled(builder.build(), error).counts().t_gates - theory) < 5 * 12


@pytest.mark.parametrize("k", range(-17, 18))
def test_multiples_of_an_eighth_turn_are_exact_and_take_at_most_one_t(k):
    builder = CircuitBuilder("eighth", 1)
    builder.gate("h", [0])
    builder.gate("rz", [0], [k * math.pi / 4])
    executable = compiled(builder.build(), 1e-3)
    np.testing.assert_allclose(executable.statevector(), simulate(builder.build()), rtol=0, atol=1e-14)
    assert executable.counts().t_gates == k % 2


def test_t_gates_need_no_synthesis():
    builder = CircuitBuilder("toffolis", 5)
    builder.gate("x", [4], (), ((0, 1), (1, 1), (2, 0), (3, 1)))
    counts = compiled(builder.build(), 1e-3).counts()
    assert counts.t_gates == cost(builder.build()).t_gates == 8 * 4 - 9
    assert counts.rotations == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_t_depth_is_the_longest_path_in_t_gates(seed):
    executable = compiled(measured(random_circuit(3, 10, seed, max_controls=1)), 1e-2)
    depth = [0] * executable.lowered.n_qubits
    for op in unroll(executable.lowered):
        if isinstance(op, Gate) and op.qubits:
            longest = max(depth[q] for q in op.qubits) + (op.name in ("t", "tdg"))
            for qubit in op.qubits:
                depth[qubit] = longest
    assert executable.t_depth == max(depth)
    assert 0 < executable.t_depth <= executable.counts().t_gates


def test_a_repeated_block_is_synthesised_once():
    block = random_circuit(2, 4, 1, max_controls=1)
    executable = compiled(block.repeat(50), 1e-6)
    assert len(executable.lowered.ops) == 1
    assert np.linalg.norm(executable.statevector() - simulate(block.repeat(50))) < 1e-6


def test_shots_follow_the_exact_distribution():
    circuit, shots = postselected(3, 1, 1), 20_000
    odds = np.abs(simulate(circuit)) ** 2
    outcomes = compiled(circuit, 1e-6).run(shots, seed=3)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
    assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)


def test_errors_that_make_no_sense_or_cannot_be_reached_are_refused():
    for error in (0.0, -1.0, 1.0, math.nan):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            get_backend("qiskit:clifford_t", synthesis_error=error)
    circuit = random_circuit(3, 15, 1, max_controls=1)
    with pytest.raises(PrecisionUnreachable, match="would have to be synthesised") as caught:
        compiled(circuit, 1e-13)
    compiled(circuit, 1.001 * caught.value.value)
