"""The conformance suite, and what is Braket's own."""

import subprocess
import sys

from qgd_core.backends.registry import get_backend
from qgd_core.circuit.program import Program
from qgd_core.conformance import conformance
from qgd_core.conformance.cases import random_circuit

test_local = conformance("braket:local")


def test_no_control_modifier_is_ever_written():
    executable = get_backend("braket").compile(Program(random_circuit(5, 60, 1)))
    [body] = executable.bodies
    assert "ctrl" not in body
    assert "\ncnot" in body


def test_the_package_imports_no_sdk():
    script = "import sys, qgd_backend_braket as p; p.qgd_backend(); assert 'braket' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
