"""Real data that ships with scikit-learn: loaded offline, split and standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qgd_core.errors import ConfigError, nearest

# name -> kind of target: two classes as +-1, several classes as 0..c-1, or real values
DATASETS = {
    "breast_cancer": "binary",
    "digits": "classes",
    "wine": "classes",
    "iris": "classes",
    "diabetes": "real",
    "linnerud": "real",
}


@dataclass(frozen=True)
class Dataset:
    """A data set split in two.

    Arguments: name; x_train, x_test, float64 of shape (samples, features); y_train, y_test, float64 +-1 for two
    classes, int64 for several, float64 for regression; features, their names; outputs, how many a model needs.
    Result: `.train` and `.test` are the batches (x, y).
    Raises: nothing.
    Source: scikit-learn's bundled data sets.
    """

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    features: tuple[str, ...]
    outputs: int

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        """The training batch (x, y)."""
        return self.x_train, self.y_train

    @property
    def test(self) -> tuple[Tensor, Tensor]:
        """The test batch (x, y)."""
        return self.x_test, self.y_test


def load(name: str, test_fraction: float = 0.3, standardise: bool = True, seed: int = 0) -> Dataset:
    """Load a bundled data set, split it with a seed, and standardise it with the training part's statistics.

    Arguments: name, a key of DATASETS; test_fraction in (0, 1); standardise, subtract the mean and divide by the
    population standard deviation of each feature (and of each regression target); seed of the split, which keeps class
    proportions.
    Result: a Dataset, exact and the same for the same seed; a feature that is constant in training becomes zero.
    Raises: ConfigError for an unknown name or a fraction that leaves a part empty.
    Source: scikit-learn, sklearn.datasets.
    """
    from sklearn import datasets  # type: ignore[import-untyped]
    from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

    if name not in DATASETS:
        raise ConfigError(f"There is no data set {name!r}.", subject=name, remedy=nearest(name, DATASETS))
    if not 0 < test_fraction < 1:
        raise ConfigError(
            f"test_fraction is {test_fraction}, outside (0, 1).", subject="test_fraction", value=test_fraction
        )
    bunch: Any = getattr(datasets, f"load_{name}")()
    kind = DATASETS[name]
    x, y = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target)
    try:
        parts = train_test_split(
            x, y, test_size=test_fraction, random_state=seed, stratify=None if kind == "real" else y
        )
    except ValueError as error:
        raise ConfigError(
            f"test_fraction {test_fraction} leaves too few samples of {name}: {error}",
            subject="test_fraction",
            value=test_fraction,
        ) from error
    x_train, x_test, y_train, y_test = parts
    outputs = 1
    if kind == "binary":
        y_train, y_test = 2.0 * y_train - 1, 2.0 * y_test - 1
    elif kind == "classes":
        outputs = int(y.max()) + 1
        y_train, y_test = y_train.astype(np.int64), y_test.astype(np.int64)
    else:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        y_train, y_test = y_train.astype(np.float64), y_test.astype(np.float64)
    if standardise:
        x_train, x_test = _standardise(x_train, x_test)
        if kind == "real":
            y_train, y_test = _standardise(y_train, y_test)
    arrays = (x_train, y_train, x_test, y_test)
    a, b, c, d = (torch.from_numpy(np.ascontiguousarray(part)) for part in arrays)
    return Dataset(name, a, b, c, d, tuple(map(str, bunch.feature_names)), outputs)


def _standardise(train: Any, test: Any) -> tuple[Any, Any]:
    """Shift and scale both parts by the mean and population standard deviation of the first."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (train - mean) / spread, (test - mean) / spread
