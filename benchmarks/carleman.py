"""Carleman assembly and products as ratios in one run: python benchmarks/carleman.py [assembly] [products] [ways]

Each time is the best of several on the clock, as assembly and products run on several threads. Ratios, not seconds, are
what to compare:
- assembly, symmetric basis, n = 1000, N = 2, five non-zeros a row of each F_k (D = 501,500);
- non-zeros per second against the straightforward way in scipy.sparse, where that fits: sums of sparse.kron for every
  block, joined by block_array, and for the symmetric basis folded by two products with the isometry S of sorted
  indices. The sums alone, to which the Kronecker basis compares, are listed too. Both are measured in turn, once a round:
  the ratio is that of the best times of all rounds, and beside it stand the least and largest of the rounds themselves;
- assembly against the time to write the matrix's non-zeros once;
- a product without a stored matrix at D = 1e7 against one pass over its operands: z.copy(), which like the product
  reads z and writes a new array, and np.copyto, which writes into memory that is there already.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from scipy import sparse

from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.factors import carleman_operator, kronecker_terms
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.polynomial import PolynomialField


def sparse_field(n: int, degrees: tuple[int, ...], seed: int = 0) -> PolynomialField:
    """Five random non-zeros in each row of each F_k."""
    rng = np.random.default_rng(seed)
    parts: dict[int, Any] = {}
    for k in degrees:
        rows, columns = np.repeat(np.arange(n), 5), rng.integers(0, n**k, 5 * n)
        parts[k] = sparse.csr_array((0.1 * rng.standard_normal(5 * n), (rows, columns)), shape=(n, n**k))
    return PolynomialField(parts)


def best(action: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    times = []
    for _ in range(repeats):
        start = clock()
        action()
        times.append(clock() - start)
    return min(times)


def kronecker_assembly(field: PolynomialField, order: int, discrete: bool) -> sparse.csr_array:
    """Block row j is the sum of W_k1 (x) ... (x) W_kj for a map W, of identities around F_k for a flow."""
    n, blocks = field.n, {}
    for j in range(1, order + 1):
        for factors in _maps(field, j) if discrete else _flows(field, j):
            d = round(sum(np.log(factor.shape[1]) for factor in factors) / np.log(n))
            if 1 <= d <= order:
                term = reduce(sparse.kron, factors).tocsr()
                blocks[j, d] = blocks.get((j, d), sparse.csr_array(term.shape)) + term
    rows = [
        [blocks.get((j, d), sparse.csr_array((n**j, n**d))) for d in range(1, order + 1)]
        for j in range(1, order + 1)
    ]
    return sparse.block_array(rows, format="csr")


def _maps(field: PolynomialField, j: int) -> list[list[Any]]:
    return [[field.coefficients[k] for k in degrees] for degrees in product(field.coefficients, repeat=j)]


def _flows(field: PolynomialField, j: int) -> list[list[Any]]:
    one = sparse.eye_array(field.n, format="csr")
    return [
        [one] * slot + [part] + [one] * (j - 1 - slot)
        for part in field.coefficients.values()
        for slot in range(j)
    ]


def project_symmetric(matrix: sparse.csr_array, n: int, order: int) -> sparse.csr_array:
    """S^T K S with the isometry S from symmetric to Kronecker coordinates: the straightforward symmetric form."""
    whole, small = Basis(n, order, "kronecker"), Basis(n, order)
    parts = []
    for j in range(1, order + 1):
        position = small.rank(np.sort(whole.digits(j), axis=0))
        weight = 1.0 / np.sqrt(np.bincount(position))[position]
        shape = (whole.size(j), small.size(j))
        parts.append(sparse.csr_array((weight, (np.arange(position.size), position)), shape=shape))
    isometry = sparse.csr_array(sparse.block_diag(parts, format="csr"))
    return isometry.T @ matrix @ isometry


CASES = [
    (n, order, degrees, form, basis)
    for n, order in ((100, 2), (300, 2), (1000, 2), (24, 3), (50, 3), (8, 5))
    for basis in ("kronecker", "symmetric")
    for degrees in ((1, 2), (0, 1, 2))[: 1 if basis == "kronecker" else 2]
    for form in ("discrete", "continuous")
    if n**order < 10**6 or basis == "symmetric"
]

PRODUCTS = (("kronecker", 3161, 2), ("symmetric", 4471, 2), ("kronecker", 215, 3), ("symmetric", 390, 3))


def compare(n: int, order: int, degrees: tuple[int, ...], form: str, basis: str) -> None:
    field, discrete = sparse_field(n, degrees), form == "discrete"
    update = step_map(field, 0.1) if discrete else field

    def straightforward() -> Any:
        matrix = kronecker_assembly(update, order, discrete)
        return matrix if basis == "kronecker" else project_symmetric(matrix, n, order)

    def ours() -> Any:
        return carleman(field, order, form, 0.1, basis).matrix

    entries, slow, fast = ours().nnz, [], []
    # In turn, so that whatever else runs slows both.
    while len(slow) < 5 or (len(slow) < 15 and sum(slow) < 3.0):
        slow.append(best(straightforward, 1))
        fast.append(best(ours, 1))
    ratios = [s / f for s, f in zip(slow, fast, strict=True)]
    print(
        f"n = {n}, N = {order}, {basis}, {form}, {'with' if 0 in degrees else 'without'} F_0: "
        f"{entries / min(fast):.3g} non-zeros/s, {min(slow) / min(fast):.1f} times the straightforward way "
        f"({min(ratios):.1f} to {max(ratios):.1f} round by round)",
        flush=True,
    )


def assembly() -> None:
    """Seconds, memory, and the time to write the non-zeros once, at n = 1000."""
    for degrees in ((1, 2), (0, 1, 2)):
        field = sparse_field(1000, degrees)
        for form in ("discrete", "continuous"):
            seconds = best(lambda field=field, form=form: carleman(field, 2, form, 0.1), 5)
            matrix = carleman(field, 2, form, 0.1).matrix
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            copies = [
                best(lambda part=part: part.copy(), 5)
                for part in (matrix.data, matrix.indices, matrix.indptr)
            ]
            print(
                f"assembly, {form}, {'with' if 0 in degrees else 'without'} F_0, D = {matrix.shape[0]}, "
                f"{matrix.nnz} non-zeros: {seconds:.3f} s, {peak:.2f} GiB so far; "
                f"{seconds / sum(copies):.1f} times writing them once",
                flush=True,
            )


def products() -> None:
    """Products without a stored matrix at D = 1e7 against passes over their operands."""
    for kind, n, order in PRODUCTS:
        wide, basis = sparse_field(n, (1, 2)), Basis(n, order, kind)
        z = np.random.default_rng(0).standard_normal(basis.dimension)
        out = np.zeros_like(z)
        for discrete in (False, True):
            terms = kronecker_terms(step_map(wide, 0.1) if discrete else wide, order, discrete)
            operator = carleman_operator(terms, basis)
            free, new, ready = np.inf, np.inf, np.inf
            for _ in range(12):  # side by side, as the memory is shared with whatever else runs
                new = min(new, best(z.copy, 2))
                free = min(free, best(lambda o=operator, z=z: o @ z, 2))
                ready = min(ready, best(lambda z=z, out=out: np.copyto(out, z), 2))
            print(
                f"product, {kind}, N = {order}, {'discrete' if discrete else 'continuous'}, D = {basis.dimension}: "
                f"{free:.4f} s, {free / new:.1f} passes that write a new array, {free / ready:.1f} into ready memory",
                flush=True,
            )


def ways() -> None:
    """Assembly beside the straightforward way, where that fits in memory."""
    for case in CASES:
        compare(*case)


PARTS = {"assembly": assembly, "products": products, "ways": ways}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
