import numpy as np
import pytest
import scipy.sparse as sp

from qgd_core.linear.balance import encode_balanced
from qgd_core.linear.system import LinearSystem


def layout(system):
    return system.matrix


def test_rows_of_different_lengths_are_brought_to_one_and_the_solution_stays():
    rng = np.random.default_rng(0)
    given = LinearSystem(np.diag([1.0, 1e-3, 10.0]) @ (np.eye(3) + 0.2 * rng.normal(size=(3, 3))), np.ones(3))
    rows, encoded = encode_balanced(given, layout, "row_column")
    lengths = np.linalg.norm(rows.matrix.toarray(), axis=1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(encoded.target.toarray()[:3, :3], rows.matrix.toarray(), rtol=0, atol=0)
    truth = np.linalg.solve(given.matrix.toarray(), given.b)
    np.testing.assert_allclose(rows.classical(), truth, rtol=1e-9, atol=0)
    assert np.linalg.cond(rows.matrix.toarray()) < np.linalg.cond(given.matrix.toarray()) / 100
    assert (rows.unit, rows.bound(), rows.floor) == (given.unit, given.bound(), given.floor)


@pytest.mark.parametrize(
    "given",
    [
        LinearSystem(np.diag([1.0, 1e-3]), np.ones(2), smallest=1e-3),
        LinearSystem(sp.diags_array(np.arange(1.0, 101.0)), np.ones(100)),
        LinearSystem([[1.0, 0.5], [-0.5, 1.0]], np.ones(2)),
    ],
    ids=["its smallest value is known", "large", "of one length already"],
)
def test_rows_stay_where_scaling_is_not_known_to_help(given):
    assert encode_balanced(given, layout, "auto")[0] is given
