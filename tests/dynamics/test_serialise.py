"""Fields survive npz and JSON to the last bit, and broken files are named."""

import numpy as np
import pytest

from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.serialise import from_json, load, save, to_json
from qgd_core.errors import ConfigError


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    parts = {k: rng.standard_normal((3, 3**k)) * (rng.random((3, 3**k)) < 0.6) for k in (0, 1, 2, 4)}
    return PolynomialField(parts, centre=rng.standard_normal(3))


def same(one, two):
    assert np.array_equal(one.centre, two.centre)
    assert one.coefficients.keys() == two.coefficients.keys()
    for k, matrix in one.coefficients.items():
        assert np.array_equal(matrix.toarray(), two.coefficients[k].toarray())


def test_round_trips_are_exact(field, tmp_path):
    same(field, from_json(to_json(field)))
    save(field, tmp_path / "field.npz")
    same(field, load(tmp_path / "field.npz"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "other"}', '{"format": "qgd-field-1", "n": 2, "terms": {"1": {}}}'],
)
def test_broken_text_is_named(text):
    with pytest.raises(ConfigError, match="qgd-field-1"):
        from_json(text)


def test_broken_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match="missing"):
        load(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(ConfigError, match="other"):
        load(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(ConfigError, match="text"):
        load(tmp_path / "text.npz")
