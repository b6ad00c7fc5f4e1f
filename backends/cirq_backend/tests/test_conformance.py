"""The conformance suite, and what is Cirq's own."""

import subprocess
import sys

import numpy as np
import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import postselected

test_simulator = conformance("cirq:simulator")


@pytest.mark.parametrize("form", ["measure", "counter"])
def test_the_other_forms_of_postselection_agree(form):
    circuit, shots = postselected(3, 2, 1), {"measure": 60, "counter": 4000}[form]
    executable = get_backend("cirq", postselect=form).compile(Program(circuit))
    vector = simulate(circuit)
    np.testing.assert_allclose(executable.statevector(), vector, rtol=0, atol=1e-12)
    odds = np.abs(vector) ** 2
    outcomes = executable.run(shots, seed=3)
    seen = np.array([outcomes.counts.get(key, 0) for key in range(8)])
    assert np.all(np.abs(seen - shots * odds) < 5 * np.sqrt(shots * odds * (1 - odds)) + 1e-9)


def test_the_package_imports_no_sdk():
    script = "import sys, qgd_backend_cirq as p; p.qgd_backend(); assert 'cirq' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
