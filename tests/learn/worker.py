"""One torchrun worker: the spectrum of a small network over shards of the data, saved by the first."""

import sys

import numpy as np
import torch

from qgd_core.learn.data import load
from qgd_core.learn.models import perceptron
from qgd_core.learn.pruning import prune
from qgd_core.learn.spectrum import hessian_spectrum
from qgd_core.learn.workers import rank, start_workers


def find_spectrum():
    data = load("wine")
    model = perceptron([13, 10, 3])
    active = prune(model, density=0.3)
    inputs, labels = data.train
    batches = list(zip(inputs.split(27), labels.split(27), strict=True))
    return hessian_spectrum(model, "cross_entropy", batches, active, probes=2, steps=8)


if __name__ == "__main__":
    torch.set_num_threads(1)
    start_workers()
    found = find_spectrum()
    if not rank():
        np.savez(sys.argv[1], eigenvalues=found.eigenvalues, density=found.density)
    torch.distributed.destroy_process_group()
