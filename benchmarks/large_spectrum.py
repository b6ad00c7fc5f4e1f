"""The spectrum of the 103,338,916-weight network of arXiv 2303.03428 right after pruning: time and memory, resumable.

    python benchmarks/large_spectrum.py [--samples 64] [--batch 8] [--steps 10] [--threads 2] [--checkpoint FOLDER]
    torchrun --nproc-per-node 2 benchmarks/large_spectrum.py --threads 1 --batch 3

Prints seconds on the clock and of the processor, and the peak memory of the process (under torchrun of the first one). With
--checkpoint an interrupted run goes on where it stopped. --network small takes the 7,451,044-weight one.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch

from qgd_core.learn.images import load_digit_images
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import resnet32x4, resnet422x4
from qgd_core.learn.spectrum import hessian_spectrum
from qgd_core.learn.workers import start_workers


@torch.no_grad()
def settle(model: torch.nn.Module, images: torch.Tensor) -> None:
    """Take batch-norm statistics from a few images: without them an untrained net this deep overflows."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()
    model(images)
    model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=("large", "small"), default="large")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kept", type=float, default=0, help="bytes of graphs kept between products")
    parser.add_argument("--checkpoint")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    first = start_workers()[0] == 0

    def tell(text: str) -> None:
        if first:
            print(text, flush=True)

    begin = time.perf_counter()
    model = {"large": resnet422x4, "small": resnet32x4}[chosen.network]().eval()
    names = [
        name for name, weight in model.named_parameters() if weight.ndim > 1 and not name.startswith("head")
    ]
    active = prune(model, density=0.1, names=names)
    inputs, labels = load_digit_images(limit=chosen.samples).train
    settle(model, inputs[:64])
    tell(
        f"{sum(weight.numel() for weight in model.parameters()):,} weights, {len(active):,} active, "
        f"ready after {time.perf_counter() - begin:.0f} s"
    )
    begin, busy = time.perf_counter(), time.process_time()

    def say(step: int, total: int) -> None:
        tell(f"step {step} of {total}: {time.perf_counter() - begin:.0f} s")

    batches = list(zip(inputs.split(chosen.batch), labels.split(chosen.batch), strict=True))
    found = hessian_spectrum(
        model,
        "cross_entropy",
        batches,
        active,
        probes=1,
        steps=chosen.steps,
        graph_limit=chosen.kept,
        checkpoint=chosen.checkpoint,
        progress=say,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    tell(
        f"{time.perf_counter() - begin:.0f} s, processor {time.process_time() - busy:.0f} s, peak {peak:.1f} GiB"
    )
    tell(
        f"lambda {found.lambda_min.value:.3g} to {found.lambda_max.value:.3g}, mass ratio {found.mass_ratio:.3f}"
    )


if __name__ == "__main__":
    main()
