"""Tight rigorous truncation bounds: the dropped terms along the truncated run, plus what that run may have missed.

The truncated linear system is run once, and its own defect is propagated exactly. The nonlinear trajectory is
never computed: its distance from the truncated one is the unknown being bounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator

from qgd_core.arrays import RealArray
from qgd_core.carleman.blocks import continuous_matrix
from qgd_core.carleman.bounds import MOST_GROWTH, block_norms
from qgd_core.carleman.discrete import discrete_matrix
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.spectral import spectral_norm

GRID = 256
WORK_LIMIT = 2e9
WIDE_LIMIT = 20_000
DENSE_LIMIT = 400
LARGEST = 1e30


def wide_basis(basis: Basis, degree: int, form: str) -> Basis:
    """The basis that holds the dropped degrees too: up to N q for a map of degree q, N + q - 1 for a flow."""
    top = basis.order * max(degree, 1) if form == "discrete" else basis.order + max(degree, 1) - 1
    return Basis(basis.n, top, basis.kind, basis.scale)


def can_certify(basis: Basis, degree: int, form: str, entries: int, steps: int) -> bool:
    """Whether the certificate fits: dropped columns, dense flow and products all within fixed limits."""
    if wide_basis(basis, degree, form).dimension > WIDE_LIMIT:
        return False
    if form == "continuous":
        return basis.dimension <= DENSE_LIMIT
    return float(basis.n) * entries * steps <= WORK_LIMIT


def certify_discrete(
    update: PolynomialField, basis: Basis, matrix: Csr, source: RealArray, start: RealArray, steps: int
) -> float:
    """Bound |u_T - P_1 y_T| for the map u -> update(u) and its truncated system y -> matrix y + source.

    Arguments: update, the polynomial map; basis, matrix, source of the truncated system; start, u_0 (n,);
    steps, T.
    Result: an upper bound in the 2-norm, rounding apart, infinite when it does not close within the window. The
    defect lift(update(v)) - M lift(v) - b at v = P_1 y is propagated as a vector; the rest, of size
    (|y|+e)^d - |y|^d, by the norms |P_1 M^s E_d| of the dropped columns E_d.
    Raises: nothing.
    Source: Duhamel's sum for e(t+1) = M e(t) + E z(u(t)); derived here.
    """
    wide = wide_basis(basis, update.degree, "discrete")
    dropped = _dropped(wide, discrete_matrix(update, wide, basis.order), basis.order)
    if not dropped:
        return 0.0
    degrees = np.array(sorted(dropped))
    gains, growth = np.empty((steps, degrees.size)), np.empty((steps, degrees.size))
    left, error = np.eye(basis.n, basis.dimension), 0.0
    state, seen = basis.lift(start), np.zeros(basis.dimension)
    for t in range(steps):
        if not (np.abs(left).max() < LARGEST and np.abs(state).max() < LARGEST):
            return float("inf")
        gains[t] = [_norms(left @ dropped[d]) for d in degrees] * basis.scale ** (degrees - 1.0)
        left = np.asarray(left @ matrix)
        point = basis.project(state)
        growth[t] = _growth(float(np.linalg.norm(point)), error, degrees)
        seen = np.asarray(matrix @ seen) + _defect(update, basis, matrix, source, point)
        state = np.asarray(matrix @ state + source)
        unseen = float((gains[t::-1] * growth[: t + 1]).sum())
        error = float(np.linalg.norm(basis.project(seen))) + unseen
        if not error < 1e6:
            return float("inf")
    return error


def certify_sequence(
    steps: Sequence[tuple[PolynomialField, Any, RealArray]], basis: Basis, start: RealArray
) -> float:
    """Bound |u_T - P_1 y_T| for a run of maps, at any size: one (update, matrix, source) per step.

    Arguments: steps, each an update u -> update(u) with its truncated matrix, stored or not, and source; basis;
    start, u_0 (n,).
    Result: an upper bound in the 2-norm, rounding apart, infinite when it does not close. As certify_discrete, but
    what the truncated run does not see is propagated by norms of blocks. It costs two products a step.
    Raises: nothing.
    Source: Duhamel's sum for e(t+1) = M_t e(t) + E_t z(u(t)); derived here.
    """
    known: dict[int, tuple[RealArray, RealArray]] = {}
    state, seen = basis.lift(start), np.zeros(basis.dimension)
    hidden, error = np.zeros(basis.order), 0.0
    for update, matrix, source in steps:
        if id(matrix) not in known:
            known[id(matrix)] = _step_norms(update, matrix, basis)
        if not np.abs(state).max() < LARGEST:
            return float("inf")
        kept, lost = known[id(matrix)]
        point = basis.project(state)
        size = basis.scale * float(np.linalg.norm(point))
        growth = _growth(size, basis.scale * error, np.arange(lost.shape[1]))
        hidden = kept @ hidden + lost @ growth
        seen = np.asarray(matrix @ seen) + _defect(update, basis, matrix, source, point)
        state = np.asarray(matrix @ state + source)
        error = float(np.linalg.norm(basis.project(seen)) + hidden[0] / basis.scale)
        if not error < 1e6:
            return float("inf")
    return error


def _defect(
    update: PolynomialField, basis: Basis, matrix: Any, source: RealArray, point: RealArray
) -> RealArray:
    """What one truncated step loses at a point: the degrees past the order of the lifted map."""
    return np.asarray(basis.lift(update(point)) - (matrix @ basis.lift(point) + source))


def _step_norms(update: PolynomialField, matrix: Any, basis: Basis) -> tuple[RealArray, RealArray]:
    """Norms, in units of g u, of the kept blocks (N, N) and bounds for the dropped ones (N, N q + 1)."""
    kept, lost = block_norms(update.rescale(basis.scale), basis.order)
    if not isinstance(matrix, LinearOperator) and basis.dimension <= WIDE_LIMIT:
        rows = [basis.block(j) for j in range(1, basis.order + 1)]
        kept = np.array([[spectral_norm(sparse.csr_array(matrix[r, c])) for c in rows] for r in rows])
    return kept, lost


def certify_continuous(
    field: PolynomialField, basis: Basis, matrix: Csr, source: RealArray, start: RealArray, time: float
) -> float:
    """Bound |u(T) - P_1 y(T)| for du/dt = F(u) and its truncated system dy/dt = matrix y + source.

    Arguments: field; basis, matrix, source of the truncated system; start, u_0 (n,); time, T.
    Result: an upper bound in the 2-norm, rounding apart, infinite when it does not close within the window. Each of
    the GRID intervals is enclosed by first-order variation bounds, so it holds on any grid.
    Raises: nothing.
    Source: Duhamel's integral for e' = A e + E z(u); derived here.
    """
    wide = wide_basis(basis, field.degree, "continuous")
    dropped = _dropped(wide, continuous_matrix(field, wide, basis.order), basis.order)
    if not dropped or time == 0.0:
        return 0.0
    h, degrees, dense = time / GRID, np.array(sorted(dropped)), matrix.toarray()
    fastest = max(float(np.linalg.eigvalsh((dense + dense.T) / 2)[-1]), 0.0) * h
    if fastest > MOST_GROWTH:
        return float("inf")
    rise = math.exp(fastest)
    flow, integral = _flow(dense, h)
    half, half_integral = _flow(dense, h / 2)
    lefts = _left_products(flow, basis)
    if not np.abs(lefts).max() < LARGEST:
        return float("inf")
    gains = _continuous_gains(dropped, matrix, lefts, basis, h, rise)
    state, seen = basis.lift(start), np.zeros(basis.dimension)
    errors, rest = np.zeros(GRID), 0.0
    reach = np.empty((GRID, degrees.size))
    slope_norm = float(np.linalg.norm(dense[: basis.n], 2))
    whole = sparse.csr_array(sparse.hstack([dropped[d] for d in sorted(dropped)], format="csr"))
    positions = np.concatenate([np.r_[wide.block(d)] for d in sorted(dropped)])
    sizes, drifts = np.empty(GRID), np.empty(GRID)
    for i in range(GRID):
        if not np.abs(state).max() < LARGEST:
            return float("inf")
        middle = half @ state + half_integral @ source
        slope = dense @ middle + source
        point = basis.project(middle)
        sizes[i] = np.linalg.norm(point)
        turn = slope_norm * rise * float(np.linalg.norm(slope)) * h / 2
        drifts[i] = h / 2 * (float(np.linalg.norm(slope[: basis.n])) + turn) / basis.scale
        past = float((np.maximum(gains[i:0:-1], gains[i - 1 :: -1][:i]) * reach[:i]).sum()) if i else 0.0
        errors[i] = _close(past, gains[0], sizes[i] + drifts[i], degrees, h)
        if not np.isfinite(errors[i]):
            return float("inf")
        reach[i] = h * (sizes[i] + drifts[i] + errors[i]) ** degrees
        seen = flow @ seen + integral @ (whole @ wide.lift(point)[positions])
        state = flow @ state + integral @ source
    for i in range(GRID):
        rest += h * float(gains[GRID - 1 - i] @ _growth(sizes[i], drifts[i] + errors[i], degrees))
    return float(np.linalg.norm(basis.project(seen)) + rest)


def _dropped(wide: Basis, rows: Csr, order: int) -> dict[int, Csr]:
    """The columns of each degree past the order: what one step loses per unit of z_d."""
    parts = {d: sparse.csr_array(rows[:, wide.block(d)]) for d in range(order + 1, wide.order + 1)}
    return {d: part for d, part in parts.items() if part.nnz}


def _left_products(flow: RealArray, basis: Basis) -> RealArray:
    """P_1 flow^i for i = 0..GRID-1, shape (GRID, n, D)."""
    lefts = np.empty((GRID, basis.n, basis.dimension))
    lefts[0] = np.eye(basis.n, basis.dimension)
    for i in range(1, GRID):
        lefts[i] = np.minimum(np.maximum(lefts[i - 1] @ flow, -LARGEST), LARGEST)
    return lefts


def _continuous_gains(
    dropped: dict[int, Csr], matrix: Csr, lefts: RealArray, basis: Basis, h: float, rise: float
) -> RealArray:
    """sup over tau in [i h, (i+1) h] of |P_1 exp(A tau) E_d|, in units of u, for every interval and degree."""
    degrees = np.array(sorted(dropped))
    first = {d: matrix @ dropped[d] for d in dropped}
    second = np.array([spectral_norm(sparse.csr_array(matrix @ first[d])) for d in degrees])
    rows = lefts.reshape(-1, basis.dimension)
    sizes = h * h / 2 * rise * _norms(lefts)
    gains = np.empty((GRID, degrees.size))
    for column, d in enumerate(degrees):
        values, slopes = (
            np.asarray(rows @ part).reshape(GRID, basis.n, -1) for part in (dropped[d], first[d])
        )
        gains[:, column] = _norms(values) + h * _norms(slopes) + sizes * second[column]
    return np.asarray(gains * basis.scale ** (degrees - 1.0))


def _close(past: float, gain: RealArray, size: float, degrees: Any, h: float) -> float:
    """The smallest found e with past + h sum_d gain_d (size + e)^d <= e, infinite if iteration finds none."""
    error = past
    for _ in range(100):
        needed = past + h * float(gain @ (size + error) ** degrees)
        if needed <= error:
            return error
        error = 1.0001 * needed
        if not error < 1e6:
            break
    return float("inf")


def _growth(size: float, error: float, degrees: Any) -> RealArray:
    """|(y + e)^(x)d - y^(x)d| <= (|y| + |e|)^d - |y|^d."""
    return np.asarray((size + error) ** degrees - size**degrees, dtype=np.float64)


def _flow(dense: RealArray, h: float) -> tuple[RealArray, RealArray]:
    """exp(A h) and the integral of exp(A s) over [0, h]."""
    size = dense.shape[0]
    block = linalg.expm(np.block([[dense * h, np.eye(size) * h], [np.zeros((size, 2 * size))]]))
    return block[:size, :size], block[:size, size:]


def _norms(matrices: Any) -> RealArray:
    """The 2-norms of a stack of matrices with few rows, shape (..., rows, columns)."""
    grams = matrices @ np.swapaxes(matrices, -1, -2)
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(grams)[..., -1], 0.0)))
