"""The conformance suite on both targets, and on every form of post-selection."""

import pytest

from qgd_core.conformance import conformance

test_aer = conformance("qiskit:aer")
test_basic = pytest.mark.slow(conformance("qiskit:basic"))
test_counter = pytest.mark.slow(conformance("qiskit:aer", options={"postselect": "counter"}))
