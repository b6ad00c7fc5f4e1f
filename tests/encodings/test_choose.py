"""The table of encodings: names, automatic choice, and refusals."""

import numpy as np
import pytest

from qgd_core.encodings.choose import ENCODINGS, block_encode, list_encodings
from qgd_core.errors import ConfigError

RNG = np.random.default_rng(0)


def test_the_list_is_the_table():
    assert [row["name"] for row in list_encodings()] == list(ENCODINGS)
    assert all(isinstance(row["scalable"], bool) and row["summary"] for row in list_encodings())


def test_the_automatic_choice_scales():
    encoding = block_encode(RNG.standard_normal((4, 4)))
    assert ENCODINGS[encoding.method].scalable


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((0, 0)), "square"),
        (np.zeros((2, 2)), "all zero"),
        (np.ones((2, 3)), "square"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "NaN"),
        (np.array([[1.0, np.inf], [0.0, 1.0]]), "NaN or infinite"),
    ],
    ids=["empty", "zero", "rectangular", "nan", "infinite"],
)
def test_bad_matrices_are_refused(matrix, message):
    with pytest.raises(ConfigError, match=message):
        block_encode(matrix)


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'row_column'"):
        block_encode(np.eye(2), "row_colum")
