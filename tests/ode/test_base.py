import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.errors import ConfigError
from qgd_core.ode.base import LinearRecurrence


def test_classical_is_the_recurrence_itself():
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=(3, 3)) for _ in range(4)]
    b, z = rng.normal(size=3), rng.normal(size=3)
    problem = LinearRecurrence([sp.csr_array(m) for m in steps], b, z, 4, wanted=[2, 0])
    for m in steps:
        z = m @ z + b
    np.testing.assert_allclose(problem.classical(), z[[2, 0]], rtol=0, atol=1e-12)
    assert problem.bound() >= np.linalg.norm(z[[2, 0]])


M, Z = np.eye(2) * 0.5, np.ones(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((M, None, Z, 0), "steps is 0"),
        ((M, None, Z, 2.5), "steps is 2.5"),
        ((M, None, Z, "a"), "steps is 'a'"),
        ((None, None, Z, 2), "no matrix of numbers"),
        ((np.eye(3), None, Z, 2), "shape"),
        ((M * 1j, None, Z, 2), "complex"),
        ((M * np.nan, None, Z, 2), "NaN"),
        ((M, None, [1, np.inf], 2), "z0"),
        ((M, [1.0], Z, 2), "b has shape"),
        (([M, M, M], None, Z, 2), "3 matrices"),
        ((M, None, np.zeros(2), 2), "both zero"),
        ((M, None, Z, 2, [0, 0]), "wanted"),
        ((M, None, Z, 2, [5]), "wanted"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LinearRecurrence(*arguments)
