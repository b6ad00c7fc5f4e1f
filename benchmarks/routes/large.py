"""One recurrence too large for anything dense."""

from __future__ import annotations

import resource
import time

import numpy as np
import scipy.sparse as sp

from qgd_core.ode.base import LinearRecurrence
from qgd_core.ode.marching import plan_marching


def large(n: int = 1_000_000) -> None:
    """Marching on a million unknowns, never dense: three steps of a tridiagonal contraction, four of them read.

    The peak memory is the whole process's, earlier sections included. Every solver at 1e4 to 1e7: `docs/emulation.md`.
    """
    start = time.process_time()
    step = sp.diags_array([0.2, 0.5, 0.2], offsets=[-1, 0, 1], shape=(n, n), format="csr")
    z0 = np.zeros(n)
    z0[:4] = [1.0, -0.5, 0.25, 2.0]
    problem = LinearRecurrence(step, None, z0, 3, range(4), bound=4.0)
    plan = plan_marching(problem, 1e-2, "band")
    found = plan.emulate()
    seconds = time.process_time() - start
    truth = step @ (step @ (step @ z0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print("| unknowns | route | error | success | s | peak memory, GiB |\n|---|---|---|---|---|---|")
    print(
        f"| {n} | marching, emulated | {np.linalg.norm(found.value - truth[:4]):.1e} | {found.accepted:.2g} |"
        f" {seconds:.0f} | {peak:.1f} |"
    )
