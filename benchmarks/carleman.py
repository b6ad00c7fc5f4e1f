"""Carleman assembly and products as ratios in one run: python benchmarks/carleman.py

Each time is the best of several, in seconds of this process. Ratios, not seconds, are what to compare:
- assembly, symmetric basis, n = 1000, N = 2, five non-zeros a row of each F_k (D = 501,500);
- non-zeros per second against a straightforward Kronecker-product assembly in scipy.sparse, where that fits;
- assembly against the time to write the matrix's non-zeros once;
- a product without a stored matrix at D = 1e7 against one pass over its operands (read z, write the result).
"""

from __future__ import annotations

import resource
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


def best(action: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def kronecker_assembly(update: PolynomialField, order: int) -> sparse.csr_array:
    """Block row j is the sum of W_k1 (x) ... (x) W_kj, by scipy.sparse.kron."""
    n, blocks = update.n, {}
    for j in range(1, order + 1):
        for degrees in product(update.coefficients, repeat=j):
            d = sum(degrees)
            if 1 <= d <= order:
                term = reduce(sparse.kron, (update.coefficients[k] for k in degrees))
                blocks[j, d] = blocks.get((j, d), sparse.csr_array(term.shape)) + term.tocsr()
    rows = [
        [blocks.get((j, d), sparse.csr_array((n**j, n**d))) for d in range(1, order + 1)]
        for j in range(1, order + 1)
    ]
    return sparse.block_array(rows, format="csr")


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


def main() -> None:
    field = sparse_field(1000, (1, 2))
    system = carleman(field, 2, step=0.1)
    seconds = best(lambda: carleman(field, 2, step=0.1), 2)
    matrix = system.matrix
    writing = best(
        lambda: (matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()),
        5,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"assembly, discrete, D = {system.dimension}, {matrix.nnz} non-zeros: {seconds:.2f} s, {peak:.2f} GiB"
    )
    print(f"  against writing the non-zeros once ({writing:.3f} s): {seconds / writing:.1f}")
    flow = best(lambda: carleman(field, 2, "continuous"), 2)
    print(f"assembly, continuous: {flow:.2f} s")
    for n, order in ((100, 2), (300, 2), (24, 3), (8, 5)):
        small = sparse_field(n, (1, 2))
        update = step_map(small, 0.1)
        for basis in ("kronecker", "symmetric"):

            def straightforward(u: Any = update, n: int = n, o: int = order, b: str = basis) -> Any:
                matrix = kronecker_assembly(u, o)
                return matrix if b == "kronecker" else project_symmetric(matrix, n, o)

            slow = best(straightforward, 3)
            fast = best(lambda s=small, o=order, b=basis: carleman(s, o, step=0.1, basis=b), 3)
            entries = carleman(small, order, step=0.1, basis=basis).matrix.nnz
            print(
                f"n = {n}, N = {order}, {basis}: {entries / fast:.3g} non-zeros/s, "
                f"{slow / fast:.2f} times the straightforward way"
            )
    for kind, n in (("kronecker", 3161), ("symmetric", 4470)):
        wide = sparse_field(n, (1, 2))
        basis = Basis(n, 2, kind)
        z = np.random.default_rng(0).standard_normal(basis.dimension)
        out = np.empty_like(z)
        once = best(lambda z=z, out=out: np.copyto(out, z), 10)
        for discrete in (False, True):
            terms = kronecker_terms(step_map(wide, 0.1) if discrete else wide, 2, discrete)
            operator = carleman_operator(terms, basis)
            free = best(lambda o=operator, z=z: o @ z, 3)
            name = "discrete" if discrete else "continuous"
            print(f"product, {kind}, {name}, D = {basis.dimension}: {free:.3f} s, {free / once:.1f} passes")


if __name__ == "__main__":
    main()
