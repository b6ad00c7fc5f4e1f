import numpy as np
import pytest

from qgd_core.errors import ResultMissing
from qgd_core.readout.shifted import ReferredReadout, ShiftedReadout

X = np.array([0.4, -0.7, 0.0])
PLACES = np.array([[0, 4], [1, 5], [2, 6]])


def amplitudes(norm):
    """x + 1 at every place, the known number 2 at state 3, and something unread at state 7."""
    values = np.zeros(8)
    values[PLACES] = (X + 1.0)[:, np.newaxis]
    values[3], values[7] = 2.0, 1.5
    return values / norm


READOUTS = {
    "scale known": ShiftedReadout(PLACES, 1.0, 6.0),
    "scale referred": ReferredReadout(PLACES, 1.0, 6.0, 3, 2.0),
}


@pytest.mark.parametrize("name", READOUTS)
def test_exact_amplitudes_give_signs_and_scale(name):
    found = READOUTS[name].from_amplitudes(amplitudes(6.0) * np.exp(0.3j))
    np.testing.assert_allclose(found.value, X, rtol=0, atol=1e-14)
    assert found.accepted == pytest.approx(float(np.sum(amplitudes(6.0) ** 2)))
    assert not found.covariance.any()


@pytest.mark.parametrize("name", READOUTS)
def test_sampled_estimates_are_unbiased_and_their_covariance_is_right(name):
    odds = amplitudes(6.0) ** 2
    shots, runs = 20_000, 2000
    draws = np.random.default_rng(2).multinomial(shots, np.append(odds, 1 - odds.sum()), size=runs)[:, :-1]
    values = np.array([READOUTS[name].from_counts(dict(enumerate(row)), shots).value for row in draws])
    predicted = READOUTS[name].covariance(shots, X)
    assert np.all(np.abs(values.mean(axis=0) - X) < 5 * np.sqrt(np.diag(predicted) / runs))
    # 2000 draws fix a variance to about 3%, and each covariance to a few hundredths of the variances.
    np.testing.assert_allclose(np.cov(values.T), predicted, rtol=0, atol=0.2 * np.diag(predicted).min())


def test_a_scale_that_is_found_gives_the_errors_not_the_limit_on_it():
    """The limit may be several times above what an amplitude of 1 stands for: shots are planned by it, errors are not."""
    loose = ReferredReadout(PLACES, 1.0, 15.0, 3, 2.0)
    odds = amplitudes(6.0) ** 2
    shots, runs = 20_000, 2000
    draws = np.random.default_rng(4).multinomial(shots, np.append(odds, 1 - odds.sum()), size=runs)[:, :-1]
    found = [loose.from_counts(dict(enumerate(row)), shots) for row in draws]
    seen = np.cov(np.array([one.value for one in found]).T)
    # 2000 draws fix a variance to about 3%, and the outcomes of one draw its errors to a few hundredths.
    for one in found[:5]:
        allowed = 0.2 * np.diag(seen).min()
        np.testing.assert_allclose(np.diag(one.covariance), np.diag(seen), rtol=0, atol=allowed)


def test_no_readable_outcome_is_an_error_that_names_the_shots():
    with pytest.raises(ResultMissing, match="None of 10 shots"):
        READOUTS["scale known"].from_counts({7: 4}, 10)
