from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Call, CircuitBuilder, unroll
from qgd_core.circuit.counter import with_success_counter
from qgd_core.circuit.counts import count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.ops import Measure, PostSelect
from qgd_core.circuit.simulate import sample, simulate

ROUNDING = 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_counting_gives_the_projected_amplitudes(seed, dense, random_marching):
    circuit, successes = random_marching(np.random.default_rng(seed))
    gadget = with_success_counter(circuit)
    assert gadget.n_qubits == 4 + np.ceil(np.log2(successes + 1))
    amplitudes = simulate(gadget).reshape(16, -1)
    np.testing.assert_allclose(amplitudes[:, 0], dense(circuit)[:, 0], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(amplitudes[:, 1:], 0, rtol=0, atol=0)


def test_the_lowered_gadget_gives_the_projected_amplitudes(dense, random_marching):
    circuit, _ = random_marching(np.random.default_rng(3))
    amplitudes = simulate(lower(with_success_counter(circuit))).reshape(16, -1)
    np.testing.assert_allclose(amplitudes[:, 0], dense(circuit)[:, 0], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(amplitudes[:, 1:], 0, rtol=0, atol=ROUNDING)


def test_only_the_last_op_is_a_postselection_and_bits_stay(random_marching):
    circuit, _ = random_marching(np.random.default_rng(0))
    gadget = with_success_counter(circuit)
    *others, last = unroll(gadget)
    assert last == PostSelect((0, 4, 5, 6), (0, 0, 0, 0))
    assert not any(isinstance(op, PostSelect) for op in others)
    assert [op for op in others if isinstance(op, Measure)] == [Measure((3, 2), (0, 1))]
    shots = 10**6
    (got, accepted), (wanted, _) = sample(gadget, shots, seed=1), sample(circuit, shots, seed=2)
    assert accepted > 10**4
    for outcome, number in wanted.items():
        assert abs(got[outcome] - number) < 5 * np.sqrt(2 * number)


@pytest.mark.parametrize("successes", range(1, 10))
def test_any_number_of_successes_is_counted(successes):
    step = CircuitBuilder("step", 1)
    step.gate("ry", [0], [1.0])
    step.postselect([0])
    step.gate("h", [0])
    step.gate("h", [0])
    march = step.build().repeat(successes)
    gadget = with_success_counter(march)
    assert gadget.n_qubits == 1 + successes.bit_length()
    assert abs(simulate(gadget)[0] - np.cos(0.5) ** successes) < ROUNDING


def test_repeats_stay_repeats():
    step = CircuitBuilder("step", 3)
    step.gate("ry", [0], [0.1])
    step.postselect([0, 1], [0, 0])
    step.gate("ry", [2], [0.1])
    gadget = with_success_counter(step.build().repeat(10**12))
    assert [op.repeat for op in gadget.ops if isinstance(op, Call)] == [10**12]
    assert gadget.n_qubits == 3 + 40
    assert count(gadget)["cry" if "cry" in count(gadget) else "ry"] == 2 * 10**12


def test_the_increment_is_linear_in_the_size_of_the_counter():
    def two_qubit(successes):
        step = CircuitBuilder("step", 1)
        step.postselect([0])
        step.gate("h", [0])
        return count(lower(with_success_counter(step.build().repeat(successes)))).two_qubit / successes

    assert two_qubit(2**10 - 1) == 6 * 9 + 9
    assert two_qubit(2**20 - 1) == 6 * 19 + 19


def test_a_circuit_that_only_selects_at_the_end_needs_no_counter():
    builder = CircuitBuilder("end", 2, 1)
    builder.gate("h", [0])
    builder.postselect([0], [1])
    builder.measure([1], [0])
    gadget = with_success_counter(builder.build())
    assert gadget.n_qubits == 2
    assert gadget.ops[-1] == PostSelect((0,), (1,))


def test_contradicting_selections_still_reject_everything():
    builder = CircuitBuilder("never", 1)
    builder.gate("h", [0])
    builder.postselect([0], [1])
    builder.postselect([0], [0])
    assert np.linalg.norm(simulate(with_success_counter(builder.build()))) == 0


def test_a_circuit_without_postselection_comes_back_as_it_is(random_tree):
    circuit = random_tree(np.random.default_rng(0), 3, 1)
    assert with_success_counter(circuit) is circuit
