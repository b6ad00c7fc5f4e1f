"""One coherent counter in the place of every measurement of a training window: qubits, gates, the same amplitudes."""

import sys
from pathlib import Path

import numpy as np
import pytest

from qgd_core.circuit.counter import with_success_counter
from qgd_core.circuit.counts import count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.simulate import simulate
from qgd_core.learn.settings import Settings
from qgd_core.learn.window import plan_window

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from training import Case


@pytest.mark.slow
def test_a_recentred_window_of_four_weights_is_counted_on_23_qubits():
    case = Case(4)
    settings = Settings(steps=10, budget=0.3, solver="marching", newton_steps=2, recentre=True)
    circuit = plan_window(case.loss, case.start, settings).route.compile().circuit
    counted = with_success_counter(circuit)
    lowered = lower(counted)
    assert lowered.n_qubits <= 23
    assert count(lowered).two_qubit <= 1100
    size = counted.n_qubits - circuit.n_qubits
    kept = simulate(counted).reshape(-1, 2**size)
    assert np.abs(kept[:, 1:]).max() == 0.0
    np.testing.assert_allclose(kept[:, 0], simulate(circuit), rtol=0, atol=1e-12)
