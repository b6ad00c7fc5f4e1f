"""Every basis state through the ANDs: the flags hold where the controls do, and the clean qubits are as said."""

import numpy as np
import pytest

from qgd_core.circuit import gather as module
from qgd_core.circuit.gather import FEWEST, gather, n_clean


def all_states(n_controls, n_spare):
    """Bits of every control, the clean qubits 0."""
    size = 2**n_controls
    bits = {q: np.arange(size) >> (n_controls - 1 - q) & 1 for q in range(n_controls)}
    return {**bits, **{n_controls + k: np.zeros(size, dtype=int) for k in range(n_spare)}}


def holds(bits, controls):
    return np.all([bits[q] == value for q, value in controls], axis=0)


def check(values, n_spare, most=FEWEST):
    k = len(values)
    controls = tuple(enumerate(values))
    found = gather(controls, range(k, k + n_spare), most)
    before = all_states(k, n_spare)
    after, _ = found.ops.act(before, (2**k,))
    after = {q: after.get(q, before[q]) for q in before}
    wanted = holds(before, controls)
    np.testing.assert_array_equal(holds(after, found.flags), wanted)
    for q in found.clean:
        assert np.all(after[q][wanted] == (q in found.ones))
    return found


@pytest.mark.parametrize("n_controls", range(1, 13))
@pytest.mark.parametrize("most", [1, 2, 3])
def test_flags_hold_exactly_where_all_controls_do(n_controls, most):
    rng = np.random.default_rng(n_controls)
    for n_spare in range(4):
        found = check(rng.integers(0, 2, n_controls).tolist(), n_spare, most)
        assert len(found.flags) == most or n_controls <= most or len(found.flags) > most


@pytest.mark.parametrize("n_controls", [*range(1, 15), 17, 18])
def test_so_many_clean_qubits_leave_three_flags_and_no_fewer_do(n_controls):
    found = check([0] * n_controls, n_clean(n_controls))
    assert len(found.flags) == min(FEWEST, n_controls)
    assert found.ops.two_qubit == 3 * max(0, n_controls - FEWEST)
    if n_clean(n_controls):
        fewer = gather(tuple((q, 0) for q in range(n_controls)), range(100, 99 + n_clean(n_controls)))
        assert len(fewer.flags) > FEWEST


def test_what_stays_clean_serves_a_second_condition():
    first = gather(tuple((q, 0) for q in range(10)), [20])
    second = gather(tuple((q, 1) for q in range(10, 16)), first.clean, 1, first.ones)
    before = {**all_states(16, 0), 20: np.zeros(2**16, dtype=int)}
    after, _ = first.ops.act(before, (2**16,))
    after = {q: after.get(q, before[q]) for q in before}
    last, _ = second.ops.act(after, (2**16,))
    last = {q: last.get(q, after[q]) for q in after}
    wanted = holds(before, [*((q, 0) for q in range(10)), *((q, 1) for q in range(10, 16))])
    np.testing.assert_array_equal(holds(last, (*first.flags, *second.flags)), wanted)
    assert len(second.flags) == 1


def test_a_flag_that_is_used_up_is_caught(monkeypatch):
    """A flag tested into a qubit that is clean only where that flag holds."""

    class Forgetful(module.Reversible):
        def flip(self, target, *controls):
            if not controls and target in (1, 2):  # what was tested is not turned back to 0
                return
            super().flip(target, *controls)

    monkeypatch.setattr(module, "Reversible", Forgetful)
    with pytest.raises(AssertionError):
        check([1] * 7, 1)
