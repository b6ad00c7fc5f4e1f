"""What m Lanczos steps of a Hessian cost in gradients: this project, hessian-eigenthings and curvlinops, in one run.

    python benchmarks/curvature.py [--steps 10] [--samples 32] [--rounds 3]

The network is the 7,451,044-weight ResNet of arXiv 2303.03428, in float32 on one thread. Costs are processor time, each
divided by the mean of the plain gradients measured just before and after it, so other work on the machine matters little.
curvlinops gets the spectrum's boundaries, which it would spend many products to find. The peers come with the extra
`benchmarks`; one that is not installed is left out and said so.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from qgd_core.learn.active import ActiveSet
from qgd_core.learn.curvature import HessianOperator
from qgd_core.learn.images import load_digit_images
from qgd_core.learn.pruning import prune
from qgd_core.learn.resnet import resnet32x4
from qgd_core.learn.spectrum import hessian_spectrum

Batch = tuple[torch.Tensor, torch.Tensor]


def run_own(model: torch.nn.Module, batch: Batch, steps: int, active: ActiveSet | None = None) -> Any:
    return hessian_spectrum(model, "cross_entropy", batch, active, probes=1, steps=steps)


def run_eigenthings(model: torch.nn.Module, batch: Batch, steps: int) -> Any:
    from hessian_eigenthings import HessianOperator, spectral_density, supervised_loss

    operator = HessianOperator(model, [batch], supervised_loss(cross_entropy))
    return spectral_density(operator, num_runs=1, lanczos_steps=steps, num_grid_points=256, seed=0)


def run_curvlinops(model: torch.nn.Module, batch: Batch, steps: int, boundaries: tuple[float, float]) -> Any:
    from curvlinops import HessianLinearOperator, lanczos_approximate_spectrum

    operator = HessianLinearOperator(
        model, torch.nn.CrossEntropyLoss(), list(model.parameters()), [batch], check_deterministic=False
    )
    return lanczos_approximate_spectrum(operator, steps, num_points=256, boundaries=boundaries)


def take(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(
    gradient: Callable[[], Any], calls: dict[str, Callable[[], Any]], rounds: int
) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in calls}
    for call in (gradient, *calls.values()):
        call()
    for i in range(rounds):
        for name, call in calls.items():
            before = [take(gradient) for _ in range(3)]
            cost = take(call)
            after = [take(gradient) for _ in range(3)]
            costs[name].append(cost / statistics.median(before + after))
            print(f"round {i + 1}: {name}, {costs[name][-1]:.1f} gradients", flush=True)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = resnet32x4().eval()
    batch = load_digit_images(limit=chosen.samples).train
    names = [
        name for name, weight in model.named_parameters() if weight.ndim > 1 and not name.startswith("head")
    ]
    active = prune(model, density=0.1, names=names)

    def gradient() -> Any:
        return torch.autograd.grad(cross_entropy(model(batch[0]), batch[1]), list(model.parameters()))

    found = run_own(model, batch, chosen.steps)
    bounds = float(found.eigenvalues[0]), float(found.eigenvalues[-1])
    calls: dict[str, Callable[[], Any]] = {
        "qgd, 10% active": lambda: run_own(model, batch, chosen.steps, active),
        "qgd, all weights": lambda: run_own(model, batch, chosen.steps),
    }
    peers = {
        "hessian_eigenthings": lambda: run_eigenthings(model, batch, chosen.steps),
        "curvlinops": lambda: run_curvlinops(model, batch, chosen.steps, bounds),
    }
    for name, call in peers.items():
        if importlib.util.find_spec(name):
            calls[name] = call
        else:
            print(f"{name} is not installed: left out")
    costs = measure(gradient, calls, chosen.rounds)
    print(
        f"{chosen.steps} Lanczos steps, {chosen.samples} samples, float32, 1 thread, {chosen.rounds} rounds"
    )
    for name, values in costs.items():
        middle = statistics.median(values)
        print(
            f"{name:20s} {middle:7.1f} gradients ({min(values):.1f} to {max(values):.1f}), "
            f"{middle / (2 * chosen.steps):.2f} x 2m"
        )
    for density in (1.0, 0.5, 0.1):
        kept = prune(model, density=density, names=names)
        size = len(HessianOperator(model, "cross_entropy", batch, kept))
        print(
            f"density {density:4.2f}: {size:9,d} active weights, full basis {4 * size * chosen.steps / 1e6:7.1f} MB"
        )


if __name__ == "__main__":
    main()
