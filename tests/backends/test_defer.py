"""Deferral: nothing is reset, no measured qubit goes on, and the distribution stays exactly what it was."""

import numpy as np
import pytest

from qgd_core.backends.api import Capabilities
from qgd_core.backends.bits import measured_qubits, uses_mid_circuit
from qgd_core.backends.defer import defer
from qgd_core.backends.fitting import fit
from qgd_core.circuit.circuit import CircuitBuilder, unroll
from qgd_core.circuit.ops import PostSelect, Reset
from qgd_core.circuit.simulate import sample, simulate
from qgd_core.conformance.checks.midway import follow, kept_and_reset, random_midway, reset_and_reuse
from qgd_core.conformance.subject import likely

CIRCUITS = [reset_and_reuse(), kept_and_reset(3), *map(random_midway, range(20))]


def odds(circuit):
    """The chance of each word over the bits, from the vector of a circuit that measures last."""
    shape = (2,) * circuit.n_qubits
    table = np.abs(simulate(circuit).reshape(shape)) ** 2
    bits = measured_qubits(circuit)
    result = np.zeros(2**circuit.n_bits)
    for where in np.ndindex(shape):
        result[sum(where[q] << (circuit.n_bits - 1 - b) for b, q in bits.items())] += table[where]
    return result


@pytest.mark.parametrize("circuit", CIRCUITS, ids=str)
@pytest.mark.parametrize("postselect", [True, False])
def test_the_distribution_is_kept_with_and_without_a_success_counter(circuit, postselect):
    assert uses_mid_circuit(circuit)
    fitted = fit(circuit, Capabilities(postselect=postselect))
    assert not uses_mid_circuit(fitted)
    kept = [op for op in unroll(fitted) if isinstance(op, PostSelect)]
    assert len(kept) <= 1 or postselect
    np.testing.assert_allclose(odds(fitted), follow(circuit), rtol=0, atol=1e-12)


@pytest.mark.parametrize("circuit", CIRCUITS[:6], ids=str)
def test_following_every_outcome_is_what_the_reference_samples(circuit):
    counts, _ = sample(circuit, 20_000, 3)
    likely(counts, follow(circuit), 20_000, circuit.name)


def test_what_is_known_is_reset_without_a_fresh_qubit():
    steps = defer(kept_and_reset(5))
    assert steps.n_qubits == 2
    assert not any(isinstance(op, Reset) for op in unroll(steps))
    builder = CircuitBuilder("untouched, and reset for nothing", 2)
    builder.reset([0])
    builder.gate("h", [0])
    builder.reset([0, 1])
    assert defer(builder.build()).n_qubits == 2


def test_fresh_qubits_are_one_for_each_reset_and_each_measured_qubit_that_goes_on():
    builder = CircuitBuilder("both", 2, 3)
    builder.gate("h", [0])
    builder.measure([0], [0])  # copied, since a gate follows
    builder.gate("h", [0])
    builder.measure([0], [1])  # read as it is: the qubit goes on as a fresh one
    builder.reset([0])
    builder.gate("x", [1], (), ((0, 0),))
    builder.measure([1], [2])
    deferred = defer(builder.build())
    assert deferred.n_qubits == 4
    assert measured_qubits(deferred) == {0: 2, 1: 0, 2: 1}


def test_a_circuit_that_measures_last_comes_back_as_it_is():
    builder = CircuitBuilder("last", 1, 1)
    builder.gate("h", [0])
    builder.measure([0], [0])
    circuit = builder.build()
    assert defer(circuit) is circuit


def test_no_fresh_qubit_is_spent_on_what_no_gate_uses():
    builder = CircuitBuilder("reset before a reset, measured twice", 2, 2)
    builder.gate("h", [0])
    builder.reset([0])
    builder.reset([0])
    builder.gate("h", [0])
    builder.measure([0], [0])
    builder.measure([0], [1])
    builder.reset([0])
    builder.reset([1])
    assert defer(builder.build()).n_qubits == 3
