import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qgd_core.learn.workers import count_workers, own_batches, rank, start_workers

WORKER = Path(__file__).with_name("worker.py")


def agree(target):
    one = runpy.run_path(str(WORKER))["find_spectrum"]()
    two = np.load(target)
    np.testing.assert_allclose(two["eigenvalues"], one.eigenvalues, rtol=0, atol=1e-6)
    np.testing.assert_allclose(two["density"], one.density, rtol=0, atol=1e-6)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_two_gloo_workers_give_the_answer_of_one(tmp_path):
    """The environment is what torchrun sets; 124 samples in 5 batches, so the shares are unequal."""
    shared = os.environ | {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": str(free_port())}
    target = tmp_path / "two.npz"
    started = [
        subprocess.Popen(
            [sys.executable, WORKER, target], env=shared | {"RANK": str(i), "LOCAL_RANK": str(i)}
        )
        for i in range(2)
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0]
    agree(target)


@pytest.mark.slow
def test_torchrun_starts_the_workers(tmp_path):
    target = tmp_path / "two.npz"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    subprocess.run([*command, WORKER, target], check=True, timeout=600)
    agree(target)


def test_alone_without_torchrun():
    assert start_workers() == (0, 1)
    assert (rank(), count_workers()) == (0, 1)
    assert list(own_batches("ab")) == [(0, "a"), (1, "b")]
