"""Segments and rejection: cutting at post-selections changes neither amplitudes nor the distribution."""

import numpy as np
import pytest

from qgd_core.backends.api import Capabilities, draw_seeds
from qgd_core.backends.bits import as_word, measure_all
from qgd_core.backends.fitting import fit
from qgd_core.backends.segments import SegmentedExecutable, accept, draw, project, split
from qgd_core.circuit.circuit import CircuitBuilder, unroll
from qgd_core.circuit.ops import Measure, PostSelect
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import sample, simulate
from qgd_core.conformance.cases import postselected, random_circuit
from qgd_core.errors import UnsupportedOperation

SIMPLE = Capabilities(postselect=True)


class Dense(SegmentedExecutable):
    """Segments on the dense simulator: the driver without an SDK."""

    def _evolve(self, body, state):
        return simulate(body, state)

    def _gates(self, body):
        return unroll(body)


def dense(circuit, capabilities=SIMPLE):
    return Dense(Program(circuit), capabilities, fit(circuit, capabilities), lambda body: body)


@pytest.mark.parametrize("capabilities", [SIMPLE, Capabilities(postselect=False)])
@pytest.mark.parametrize("seed", range(3))
def test_segments_and_the_counter_keep_the_amplitudes(seed, capabilities):
    circuit = postselected(3, 3, seed)
    got = dense(circuit, capabilities).statevector()
    np.testing.assert_allclose(got, simulate(circuit), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_segments_keep_the_distribution(seed):
    circuit, shots = postselected(3, 2, seed), 20000
    odds = np.abs(simulate(circuit)) ** 2
    outcomes = dense(circuit).run(shots, seed=3)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
    assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)


def test_split_opens_a_repeated_block_and_leaves_measurements_out():
    inner = CircuitBuilder("inner", 2, 1)
    inner.gate("h", [0])
    inner.postselect([0])
    outer = CircuitBuilder("outer", 3, 1)
    outer.call(inner.build(), [2, 1], repeat=3)
    outer.measure([1], [0])
    segments = split(outer.build())
    assert [s.postselect for s in segments] == [PostSelect((2,), (0,))] * 3 + [None]
    assert [len(s.body.ops) for s in segments] == [1, 1, 1, 0]


def test_split_refuses_what_has_no_single_vector():
    builder = CircuitBuilder("midway", 1)
    builder.reset([0])
    with pytest.raises(UnsupportedOperation):
        split(builder.build())


def test_draw_orders_the_qubits_and_follows_the_odds():
    vector = np.zeros(8, dtype=complex)
    vector[0b110], vector[0b011] = 0.6, 0.8j
    assert set(draw(vector, (2, 0), 100, 1)) == {0b01, 0b10}
    counts = draw(2 * vector, (0,), 10**15, 1)
    assert abs(counts[1] - 0.36e15) < 5 * np.sqrt(1e15 * 0.36 * 0.64)
    assert draw(vector, (), 7, 1) == {0: 7}


def test_project_keeps_exactly_the_wanted_entries():
    state = np.arange(8, dtype=complex)
    np.testing.assert_array_equal(project(state, PostSelect((2, 0), (1, 0))), [0, 1, 0, 3, 0, 0, 0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_measuring_and_rejecting_gives_the_same_distribution(seed):
    circuit, shots = postselected(3, 2, seed), 20000
    whole, wanted = measure_all(circuit)
    assert whole.n_bits == circuit.n_bits + len(wanted)
    assert not any(isinstance(op, PostSelect) for op in unroll(whole))
    odds = np.abs(simulate(circuit)) ** 2
    outcomes = accept(sample(whole, shots, 5)[0], wanted, shots)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
    assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)


def test_accept_drops_the_spare_bits_and_the_shots_that_miss():
    assert accept({0b1001: 4, 0b1011: 3, 0b0101: 2}, (0, 1), 20).counts == {0b10: 4, 0b01: 2}


def test_a_program_that_measures_midway_is_sampled_without_mid_circuit_and_has_no_vector():
    builder = CircuitBuilder("midway", 1, 2)
    builder.gate("x", [0])
    builder.measure([0], [0])
    builder.gate("x", [0])
    builder.measure([0], [1])
    executable = dense(builder.build())
    assert executable.run(9).counts == {0b10: 9}
    with pytest.raises(UnsupportedOperation, match="no single final vector"):
        executable.statevector()


def test_two_bits_that_read_one_qubit_agree():
    builder = CircuitBuilder("read twice", 2, 3)
    builder.gate("h", [0])
    builder.measure([0], [2])
    builder.measure([0, 1], [0, 1])
    counts = dense(builder.build()).run(200, seed=1).counts
    assert set(counts) == {0b000, 0b101}


def test_no_more_qubits_are_taken_than_there_are():
    with pytest.raises(UnsupportedOperation, match="this backend takes 3"):
        fit(random_circuit(4, 3, 1), Capabilities(max_qubits=3))


def test_without_postselect_the_counter_leaves_one_at_the_end():
    fitted = fit(postselected(3, 3, 1), Capabilities())
    kinds = [type(op) for op in unroll(fitted) if isinstance(op, PostSelect | Measure)]
    assert kinds[-1] is PostSelect
    assert kinds.count(PostSelect) == 1


def test_words_and_seeds():
    assert as_word((1, 0, 1)) == 5
    assert draw_seeds(3, 4) == draw_seeds(3, 4)
    assert len(set(draw_seeds(3, 4) + draw_seeds(4, 4))) == 8
    assert draw_seeds(None, 2) != draw_seeds(None, 2)
    assert all(0 <= seed < 2**31 for seed in draw_seeds(1, 100))
