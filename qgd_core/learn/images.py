"""Images for the residual networks: the user's own CIFAR-100 folder, or the bundled digits at the same size."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from qgd_core.errors import ConfigError
from qgd_core.learn.data import Dataset, load

SIDE = 32
_CIFAR_CLASSES = 100


def _encode_latin1(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes in old pickle protocols: the only codec let through is latin1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return text.encode("latin1")


# every name that an honest CIFAR pickle (Python 2, numpy) refers to
_REBUILD: Any = np.empty(0).__reduce__()[0]  # numpy's own array constructor, wherever this version keeps it
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy._core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode_latin1,
}


class _Restricted(pickle.Unpickler):
    """An unpickler that builds numpy arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few allowed globals, refuse the rest."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_pickle(file: BinaryIO, name: str) -> Any:
    """Return the content of a pickle of plain containers and numpy arrays; run no code of its choosing.

    Arguments: file, open for reading bytes; name, used in errors.
    Result: the object; text of Python 2 stays bytes.
    Raises: ConfigError when the file asks for any other global, or is no pickle.
    Source: the pickle documentation, "restricting globals".
    """
    try:
        return _Restricted(file, encoding="bytes").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
    ) as error:
        raise ConfigError(
            f"{name} is refused: {error}.",
            subject=name,
            remedy="Take the file from the original cifar-100-python archive.",
        ) from error


def load_cifar100(folder: Path | str, limit: int | None = None) -> Dataset:
    """Load the `cifar-100-python` folder the user has, standardised per channel with the training statistics.

    Arguments: folder, holding `train`, `test` and `meta`; limit, take only the first so many of each part.
    Result: a Dataset of float32 images (m, 3, 32, 32) and int64 fine labels (m,), exact.
    Raises: ConfigError when a file is missing, refused or of another shape.
    Source: Krizhevsky (2009), the CIFAR-100 python archive.
    """
    parts = [_read_part(Path(folder) / name, limit) for name in ("train", "test")]
    return _standardised("cifar100", parts[0], parts[1], _CIFAR_CLASSES)


def load_digit_images(test_fraction: float = 0.2, seed: int = 0, limit: int | None = None) -> Dataset:
    """Load the bundled 8 x 8 digits as 32 x 32 images of three equal channels (bilinear), standardised.

    Arguments: test_fraction, seed as in `data.load`; limit, take only the first so many of each part.
    Result: a Dataset of float32 images (m, 3, 32, 32) and int64 labels (m,).
    Raises: ConfigError as `data.load`.
    Source: scikit-learn's digits.
    """
    digits = load("digits", test_fraction, standardise=False, seed=seed)
    parts = []
    for x, y in (digits.train, digits.test):
        images = x[:limit].float().reshape(-1, 1, 8, 8)
        large = functional.interpolate(images, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        parts.append((large.expand(-1, 3, -1, -1).contiguous(), y[:limit]))
    return _standardised("digits", parts[0], parts[1], digits.outputs)


def _read_part(path: Path, limit: int | None) -> tuple[Tensor, Tensor]:
    if not path.is_file():
        raise ConfigError(
            f"There is no file {path}.",
            subject=str(path),
            remedy="Unpack the cifar-100-python archive and name its folder.",
        )
    with path.open("rb") as file:
        content = read_pickle(file, path.name)
    pixels = np.asarray(content.get(b"data")) if isinstance(content, dict) else np.empty(0)
    labels = content.get(b"fine_labels", []) if isinstance(content, dict) else []
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != 2
        or pixels.shape[1] != 3 * SIDE**2
        or len(labels) != len(pixels)
    ):
        raise ConfigError(f"{path.name} does not hold CIFAR-100 images and fine labels.", subject=str(path))
    images = torch.from_numpy(pixels[:limit].reshape(-1, 3, SIDE, SIDE).astype(np.float32) / 255)
    return images, torch.tensor(labels[:limit], dtype=torch.int64)


def _standardised(
    name: str, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], outputs: int
) -> Dataset:
    mean = train[0].mean(dim=(0, 2, 3), keepdim=True)
    spread = train[0].std(dim=(0, 2, 3), keepdim=True, correction=0)
    x_train, x_test = ((images - mean) / spread for images in (train[0], test[0]))
    return Dataset(name, x_train, train[1], x_test, test[1], (), outputs)
