"""The conformance suite, one test for each check."""

from qgd_core.conformance import conformance

test_conformance = conformance("qulacs")
