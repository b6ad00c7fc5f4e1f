"""The conformance suite on both targets, and on every form of post-selection."""

from qgd_core.conformance import conformance

test_aer = conformance("qiskit:aer")
test_basic = conformance("qiskit:basic")
test_counter = conformance("qiskit:aer", options={"postselect": "counter"})
