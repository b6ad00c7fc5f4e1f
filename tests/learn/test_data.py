import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.data import DATASETS, load

SHAPES = {
    "breast_cancer": (569, 30, 1),
    "digits": (1797, 64, 10),
    "wine": (178, 13, 3),
    "iris": (150, 4, 3),
    "diabetes": (442, 10, 1),
    "linnerud": (20, 3, 3),
}


@pytest.mark.parametrize("name", DATASETS)
def test_split_and_statistics(name):
    data = load(name, test_fraction=0.3, seed=2)
    samples, features, outputs = SHAPES[name]
    assert len(data.x_train) + len(data.x_test) == samples
    assert len(data.features) == features == data.x_train.shape[1]
    assert data.outputs == outputs
    assert data.x_train.dtype == torch.float64
    np.testing.assert_allclose(data.x_train.mean(dim=0), 0, rtol=0, atol=1e-12)
    spread = data.x_train.numpy().std(axis=0)
    np.testing.assert_allclose(spread[spread > 0], 1, rtol=0, atol=1e-12)
    again = load(name, test_fraction=0.3, seed=2)
    assert torch.equal(data.x_test, again.x_test)
    assert not torch.equal(data.x_test, load(name, seed=3).x_test)


def test_labels_and_stratification():
    data = load("breast_cancer", test_fraction=0.3)
    assert set(data.y_train.tolist()) == {-1.0, 1.0}
    assert len(data.y_test) == 171
    assert abs(float(data.y_train.mean()) - float(data.y_test.mean())) < 0.01
    assert load("wine").y_train.dtype == torch.int64


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"name": "breast_cancr"}, "breast_cancer"),
        ({"name": "mnist"}, "digits"),
        ({"name": "iris", "test_fraction": 0.0}, "outside"),
        ({"name": "iris", "test_fraction": 0.999}, "too few"),
    ],
)
def test_bad_input_is_named(options, hint):
    with pytest.raises(ConfigError, match=hint):
        load(**options)
