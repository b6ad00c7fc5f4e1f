"""Draw docs/figures/carleman.svg: python docs/figures/carleman.py

Left: the exact discrete form against Euler steps of the continuous one. Middle: the condition number of the history
matrix by the second Hessian mode. Right: the error along a divergent window by where the pivot is.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField

matplotlib.use("svg")
matplotlib.rcParams |= {
    "svg.hashsalt": "qgd",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
from matplotlib import pyplot as plt  # noqa: E402

THIRD = np.array([[[0.6, 0.42], [0.42, -0.29]], [[0.42, -0.29], [-0.29, 0.15]]])


def descent(second_mode: float, curve: float = 1.0) -> PolynomialField:
    """Minus the gradient of 0.4 x^2 + second_mode y^2 / 2 + curve times the cubic form THIRD / 6."""
    return PolynomialField({1: -np.diag([0.8, second_mode]), 2: -curve * THIRD.reshape(2, 4) / 2})


def worst_error(eta: float, order: int, euler: bool) -> float:
    """The largest distance from the iterates of gradient descent over ten units of time."""
    field = descent(0.7)
    system = carleman(field, order, "continuous" if euler else "discrete", eta)
    u = np.array([-0.193, 0.112])
    z, worst = system.lift(u), 0.0
    for _ in range(round(10 / eta)):
        change = system.matrix @ z + system.source
        z = z + eta * change if euler else change
        u = u + eta * field(u)
        worst = max(worst, float(np.linalg.norm(system.project(z) - u)))
    return worst


def condition_number(second_mode: float, steps: int) -> float:
    """The 2-norm condition number of the block-bidiagonal history matrix of the order-2 map, step 0.1."""
    matrix = carleman(descent(second_mode), 2, step=0.1).matrix.toarray()
    size = (steps + 1) * len(matrix)
    return float(np.linalg.cond(np.eye(size) - np.kron(np.eye(steps + 1, k=-1), matrix)))


def window_errors(order: int, every: int, recentre: bool) -> list[float]:
    """The error at each of 200 steps of 0.1, re-uploaded at intervals, with a fixed or a moving pivot."""
    field, u, pivot = descent(-0.0385, 0.3017), np.array([0.2059, 0.6311]), np.zeros(2)
    system = carleman(field, order, step=0.1)
    z, errors = system.lift(u), []
    for t in range(200):
        if t and t % every == 0:
            point = pivot + system.project(z)
            if recentre:
                pivot, system = point, carleman(field.shift(point), order, step=0.1)
            z = system.lift(point - pivot)
        z = system.matrix @ z + system.source
        u = u + 0.1 * field(u)
        errors.append(float(np.linalg.norm(pivot + system.project(z) - u)))
    return errors


def main() -> None:
    """Draw the three panels and write the figure beside this file."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    orders = range(1, 6)
    for eta, colour in ((0.1, "C0"), (0.5, "C1")):
        for euler, line in ((False, "o-"), (True, "s--")):
            label = f"{'Euler on the continuous form' if euler else 'exact discrete'}, step {eta}"
            left.semilogy(
                orders, [worst_error(eta, n, euler) for n in orders], line, color=colour, label=label
            )
    left.set(xlabel="order N", ylabel="worst error over the run", title="Only the discrete form converges")
    for mode in (0.7, 0.0, -0.05, -0.2):
        steps = (20, 40, 80, 160)
        middle.semilogy(steps, [condition_number(mode, t) for t in steps], "o-", label=f"second mode {mode}")
    middle.set(xlabel="steps T", ylabel="condition number", title="History matrix")
    for every, recentre, label in (
        (50, False, "re-upload every 50, fixed pivot"),
        (50, True, "re-centred every 50"),
        (10, True, "re-centred every 10"),
    ):
        right.semilogy(range(1, 201), window_errors(3, every, recentre), label=label)
    right.set(
        xlabel="step", ylabel="error, N = 3", title="Only a moving pivot resets the error", ylim=(1e-12, 1)
    )
    for axes in (left, middle, right):
        axes.legend(fontsize=7, frameon=False)
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
