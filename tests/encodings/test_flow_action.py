"""Large flows in slots act without being assembled, as the assembled ones do."""

import numpy as np

from qgd_core.encodings import flow_action
from qgd_core.encodings.slot_flow import encode_flow

SCALE = 1.3


def test_a_large_flow_acts_without_being_assembled(monkeypatch, flow, unrelated):
    for field, sourced in [(flow(6), True), (unrelated(5, 1), False), (flow(4, neighbours=()), True)]:
        dense = encode_flow(field, SCALE, sourced=sourced).target.toarray()
        with monkeypatch.context() as patch:
            patch.setattr(flow_action, "_ASSEMBLED", 1)
            action = encode_flow(field, SCALE, sourced=sourced).target
        x = np.random.default_rng(0).normal(size=len(dense))
        np.testing.assert_allclose(action @ x, dense @ x, rtol=0, atol=1e-13)
        np.testing.assert_allclose(action.H @ x, dense.T @ x, rtol=0, atol=1e-13)
