"""The conformance suite, and what is PennyLane's own."""

import subprocess
import sys

import pytest

from qgd_core.backends.registry import get_backend
from qgd_core.conformance import conformance
from qgd_core.errors import UnknownBackend

test_lightning = conformance("pennylane:lightning.qubit")
test_default = pytest.mark.slow(conformance("pennylane:default.qubit"))


def test_an_unknown_device_is_named():
    with pytest.raises(UnknownBackend, match=r"no device 'heavy.qubit'"):
        get_backend("pennylane:heavy.qubit")


def test_the_package_imports_no_sdk():
    script = "import sys, qgd_backend_pennylane as p; p.qgd_backend(); assert 'pennylane' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
