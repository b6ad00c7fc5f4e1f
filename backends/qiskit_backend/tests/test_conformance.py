"""The conformance suite on every simulator, and on every form of post-selection."""

import pytest

from qgd_core.conformance import conformance

test_aer = conformance("qiskit:aer")
test_basic = pytest.mark.slow(conformance("qiskit:basic"))
test_counter = pytest.mark.slow(conformance("qiskit:aer", options={"postselect": "counter"}))
test_clifford_t = pytest.mark.slow(
    conformance(
        "qiskit:clifford_t",
        options={"synthesis_error": 9e-11},
        gaps={
            "counts_equal_the_cores": "the counts are those after synthesis, in Clifford and T gates",
            "counts_add": "twice the rotations share one error, so that each takes more T gates",
            "long_circuits": "its 998 rotations cannot share an error below 1e-10 in double precision",
        },
    )
)
