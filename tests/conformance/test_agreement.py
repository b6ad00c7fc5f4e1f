"""The comparison by samples: its bases show phases, its bound holds, and it spends no more than its budget."""

import numpy as np
import pytest

from qgd_core.backends.bits import restrict
from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.agreement import BASES, BUDGET, EACH, Case, by_shots, read_in, turn
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.conformance.checks import CHECKS
from qgd_core.conformance.runner import make_subject
from qgd_core.conformance.subject import FALSE_ALARM, events, likely
from qgd_core.conformance.toy import ToyBackend


@pytest.mark.parametrize("basis", BASES)
def test_the_right_vector_is_turned_as_the_circuit_is(basis):
    for circuit, over_bits in (
        (postselected(3, 2, 1), False),
        (measured(random_circuit(3, 9, 2), [2, 0, 1]), True),
    ):
        vector = simulate(circuit)
        case = Case(circuit, restrict(vector, circuit) if over_bits else vector, over_bits)
        turned = read_in(case, basis)
        assert turned.n_bits == 3
        expected = restrict(simulate(turned), turned)
        np.testing.assert_allclose(turn(case, basis), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("name", "angle"), [("phase", 0.2), ("phase", -0.2), ("rz", 0.2), ("z", None)])
def test_a_wrong_phase_is_seen_though_the_bits_alone_hide_it(name, angle):
    builder = CircuitBuilder("start", 1)
    builder.gate("h", [0])
    expected = simulate(builder.build())
    builder.gate(name, [0], [angle] if angle else [])
    np.testing.assert_allclose(np.abs(simulate(builder.build())), np.abs(expected), rtol=0, atol=1e-15)
    with pytest.raises(AssertionError, match="read after"):
        by_shots(make_subject(ToyBackend(), {}, 1, 10_000), [Case(builder.build(), expected)])


def test_no_check_spends_more_than_its_budget(monkeypatch):
    spent = []

    def count(self, executables, shots, seed=None):
        spent.append(len(executables) * shots)
        return run_all(self, executables, shots, seed)

    run_all = ToyBackend.run_all
    monkeypatch.setattr(ToyBackend, "run_all", count)
    cases = [Case(c, simulate(c)) for c in (random_circuit(2, 5, seed) for seed in range(20))]
    for number, shots in ((20, 40_000), (20, 100), (1, 40_000)):
        by_shots(make_subject(ToyBackend(), {}, 1, shots), cases[:number])
    assert spent == [BUDGET // 60 * 60, 6000, 3 * EACH]


def test_events_are_the_outcomes_and_the_values_of_one_and_two_bits():
    names, sums = events(np.arange(8.0))
    found = dict(zip(names, sums, strict=True))
    assert len(found) == 1 + 8 + 3 * 2 + 3 * 4
    assert found["an accepted shot"] == 28
    assert found["outcome 5"] == 5
    assert found["1 in the bits (0,)"] == 4 + 5 + 6 + 7
    assert found["01 in the bits (0, 2)"] == 1 + 3


def test_the_bound_is_that_of_exact_binomial_tails():
    from scipy.stats import binom

    odds, shots = np.array([0.9, 0.1]), 1000
    share = FALSE_ALARM / (2 * 5 * 4 * len(CHECKS))  # two tails of five events in four tests of every check
    limit = int(binom.isf(share, shots, 0.1))
    assert binom.sf(limit, shots, 0.1) <= share < binom.sf(limit - 1, shots, 0.1)
    likely({0: shots - limit, 1: limit}, odds, shots, "at the bound", tests=4)
    with pytest.raises(AssertionError, match="came"):
        likely({0: shots - limit - 1, 1: limit + 1}, odds, shots, "past the bound", tests=4)


def test_what_cannot_happen_fails_at_its_first_shot_and_a_lost_shot_too():
    odds = np.array([1.0, 0.0])
    likely({0: 50}, odds, 50, "certain")
    for counts in ({0: 49, 1: 1}, {0: 49}, {2: 1}):
        with pytest.raises(AssertionError):
            likely(counts, odds, 50, "certain")


def test_nothing_accepted_is_what_no_amplitude_promises():
    likely({}, np.zeros(4), 100, "nothing left")
    with pytest.raises(AssertionError):
        likely({0: 1}, np.zeros(4), 100, "something left")
