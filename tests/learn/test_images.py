import io
import os
import pickle
import pickletools

import numpy as np
import pytest
import torch

from qgd_core.errors import ConfigError
from qgd_core.learn.images import load_cifar100, load_digit_images, read_pickle


def write_cifar(folder, count=7):
    """Files as the archive has them: protocol 2, byte keys, old numpy module name."""
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        content = {b"data": pixels, b"fine_labels": list(range(count)), b"filenames": [b"a.png"] * count}
        raw = pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        (folder / name).write_bytes(raw)
    return pixels


def test_cifar_folder(tmp_path):
    pixels = write_cifar(tmp_path)
    data = load_cifar100(tmp_path, limit=5)
    assert data.x_train.shape == (5, 3, 32, 32)
    assert data.y_test.tolist() == [0, 1, 2, 3, 4]
    assert data.outputs == 100
    torch.testing.assert_close(data.x_train.mean(dim=(0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-6)
    image = data.x_test[2].flatten(1).double()
    raw = torch.from_numpy(pixels[2].reshape(3, 1024).astype(float))
    for channel in range(3):  # the same image up to a shift and a scale
        assert torch.corrcoef(torch.stack([image[channel], raw[channel]]))[0, 1] > 1 - 1e-6


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "evil",
    [
        Evil(os.system, "touch {}"),
        Evil(eval, "open('{}', 'w')"),
        Evil(getattr, np, "load"),
        Evil(__import__, "os"),
        {b"data": Evil(exec, "open('{}', 'w')")},
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_malicious_pickle_is_refused_and_runs_nothing(tmp_path, evil, protocol):
    target = tmp_path / "hacked"
    holder = evil[b"data"] if isinstance(evil, dict) else evil
    original = holder.call
    holder.call = (
        original[0],
        tuple(
            part.format(target) if isinstance(part, str) else getattr(part, "__name__", part)
            for part in original[1]
        ),
    )
    (tmp_path / "train").write_bytes(pickle.dumps(evil, protocol=protocol))
    holder.call = original
    with pytest.raises(ConfigError, match="refused: it asks for"):
        load_cifar100(tmp_path)
    assert not target.exists()


def test_numpy_back_doors_are_closed():
    """A name inside an allowed module is not allowed for that."""
    for module, name in (
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy", "ndarray.tofile"),
    ):
        raw = b"\x80\x04" + b"\x8c" + bytes([len(module)]) + module.encode()
        raw += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        pickletools.dis(raw, io.StringIO())
        with pytest.raises(ConfigError, match="refused"):
            read_pickle(io.BytesIO(raw), "crafted")


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2]), pickle.dumps({b"data": 3})])
def test_other_files_are_named(tmp_path, content):
    (tmp_path / "train").write_bytes(content)
    with pytest.raises(ConfigError, match="train"):
        load_cifar100(tmp_path)
    with pytest.raises(ConfigError, match="no file"):
        load_cifar100(tmp_path / "absent")


def test_digits_at_the_size_of_cifar():
    data = load_digit_images(limit=50)
    assert data.x_train.shape == (50, 3, 32, 32)
    assert data.x_train.dtype == torch.float32
    assert data.outputs == 10
    assert torch.equal(data.x_train[:, 0], data.x_train[:, 2])
