import subprocess
import sys

import pytest
import torch

import qgd_core as qgd


def test_public_names_are_there():
    for name in qgd.learn.__all__:
        assert callable(getattr(qgd.learn, name)), name
    assert len(qgd.learn.prune(torch.nn.Linear(5, 1, bias=False), keep=2)) == 2
    with pytest.raises(AttributeError):
        _ = qgd.learn.nope


def test_looking_at_the_folder_loads_no_torch():
    code = "import sys, qgd_core; dir(qgd_core.learn); raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
