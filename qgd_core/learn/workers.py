"""Several workers: start a process group under torchrun, share out batches, add up active coordinates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def start_workers() -> tuple[int, int]:
    """Join the process group that torchrun announces (NCCL with a GPU each, gloo otherwise).

    Arguments: none; RANK, WORLD_SIZE and LOCAL_RANK come from the environment.
    Result: (rank, number of workers), (0, 1) outside torchrun. A group that is already there is kept.
    Raises: nothing of its own.
    Source: torch.distributed, environment initialisation.
    """
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return rank(), count_workers()


def rank() -> int:
    """Return this worker's number, 0 when alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def count_workers() -> int:
    """Return the number of workers, 1 when alone."""
    return dist.get_world_size() if dist.is_initialized() else 1


def own_batches(batches: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (number, batch) for this worker's share: every count_workers()-th batch, from rank() on."""
    for number, batch in enumerate(batches):
        if number % count_workers() == rank():
            yield number, batch


def add_over_workers(tensor: Tensor) -> Tensor:
    """Return the sum of `tensor` over all workers, in place."""
    if count_workers() > 1:
        dist.all_reduce(tensor)
    return tensor
