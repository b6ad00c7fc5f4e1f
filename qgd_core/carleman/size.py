"""What a Carleman system would take: entries, bytes, and whether to store its matrix at all."""

from __future__ import annotations

import numpy as np

from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError

BYTES_PER_ENTRY = 60.0  # peak while assembling, measured
MEMORY = 4.0 * 2**30


def count_entries(field: PolynomialField, basis: Basis, discrete: bool) -> float:
    """Estimate the stored entries of the matrix, before equal ones are added, from the mean entries per row.

    Arguments: field, F of a flow, or the map if discrete; basis; discrete.
    Result: number of entries; exact for a flow without cancellations, an estimate for a map of uneven rows.
    Raises: nothing.
    Source: block (j, d) of a map has [x^d] (sum_k nnz(W_k)/n x^k)^j entries a row.
    """
    rows = np.zeros(basis.order + 1)
    for k, matrix in field.coefficients.items():
        if k <= basis.order:
            rows[k] = matrix.nnz / field.n
    total, power = 0.0, np.ones(1)
    for j in range(1, basis.order + 1):
        size = float(basis.size(j))
        power = np.convolve(power, rows)
        for d in range(1, basis.order + 1):
            flow_row = j * rows[d - j + 1] if 0 <= d - j + 1 <= basis.order else 0.0
            a_row = power[d] if discrete else flow_row
            total += size * min(a_row, float(basis.size(d)))
    return total


def fits_in_memory(field: PolynomialField, basis: Basis, discrete: bool, memory: float) -> bool:
    """Say whether to assemble the matrix (True) or to keep it as an operator (False).

    Arguments: field and discrete as in count_entries; basis; memory in bytes.
    Result: True when the assembly stays within memory, else False.
    Raises: ConfigError when not even an operator fits: a dozen work vectors of D, or of n**N if symmetric.
    Source: none.
    """
    if basis.order * np.log2(basis.n + 1) > 1000:
        raise ConfigError(
            f"Order {basis.order} in {basis.n} variables has more coordinates than a number can say.",
            subject=basis,
            value=float("inf"),
            remedy="Lower the order, or use fewer active weights.",
        )
    full = sum(float(basis.n) ** j for j in range(1, basis.order + 1))
    work = 96.0 * (full if basis.kind == "symmetric" else basis.dimension)
    if BYTES_PER_ENTRY * count_entries(field, basis, discrete) + 96.0 * basis.dimension <= memory:
        return True
    if work > memory:
        raise ConfigError(
            f"D = {basis.dimension} coordinates need about {work / 2**30:.3g} GiB to be multiplied, "
            f"more than the {memory / 2**30:.3g} GiB allowed.",
            subject=basis,
            value=work,
            remedy="Lower the order, use fewer active weights, or allow more memory.",
        )
    return False
