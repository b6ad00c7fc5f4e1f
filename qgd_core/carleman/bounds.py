"""Rigorous truncation bounds of Carleman systems, computed from norms alone and never from the trajectory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from qgd_core.arrays import RealArray
from qgd_core.carleman.blocks import continuous_blocks, join_blocks
from qgd_core.carleman.discrete import discrete_blocks
from qgd_core.carleman.lift import Basis
from qgd_core.dynamics.monomials import Csr
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.spectral import spectral_norm

EXACT_LIMIT = 20_000
GRID = 256
LARGEST = 1e9


def discrete_bound(update: PolynomialField, basis: Basis, matrix: Csr, start: float, steps: int) -> float:
    """Bound |u_T - P_1 y_T| for the map u -> update(u) and its truncated discrete Carleman system.

    Arguments: update, the polynomial map; basis and matrix of the truncated system; start, |u_0|; steps, T.
    Result: an upper bound of the 2-norm error of u after T steps, infinite when the radial majorant overflows.
    Radii r_{t+1} = sum_k |W_k| r_t^k enclose |u_t|; the dropped terms of degree d enter a step as E_d z_d, and
    reach u as P_1 M^s E_d, whose norms are exact while the columns of E fit, and products of norms past that.
    Raises: nothing.
    Source: Duhamel's sum for e_{t+1} = M e_t + E z; derived here.
    """
    norms = update.norms()
    radii = _iterate(lambda r: sum(norm * r**k for k, norm in norms.items()), start, steps)
    if not np.isfinite(radii).all():
        return float("inf")
    top = basis.order * max(update.degree, 1)
    if top <= basis.order:
        return 0.0
    wide = Basis(basis.n, top, basis.kind, basis.scale)
    if wide.dimension > EXACT_LIMIT:
        return _scalar_discrete(norms, basis.order, radii)
    dropped = _dropped(wide, discrete_blocks(update, wide, basis.order), basis.order)
    total = 0.0
    left = np.eye(basis.n, basis.dimension)
    for radius in radii[-2::-1]:
        for degree, defect in dropped.items():
            total += _norm(left @ defect) * (basis.scale * radius) ** degree
        left = np.asarray(left @ matrix)
    return total / basis.scale


def continuous_bound(field: PolynomialField, basis: Basis, matrix: Csr, start: float, time: float) -> float:
    """Bound |u(T) - P_1 y(T)| for du/dt = F(u) and its truncated continuous Carleman system.

    Arguments: field; basis and matrix of the truncated system; start, |u_0|; time, T.
    Result: an upper bound of the 2-norm error of u at T, infinite when the radial majorant
    r' = |F_0| + mu(F_1) r + sum_k |F_k| r^k blows up before T. Each of the time steps is enclosed, so the bound
    holds whatever their number.
    Raises: nothing.
    Source: Duhamel's integral for e' = A e + E z; derived here, with the log-norm as in arXiv 2202.01054.
    """
    norms, decay = field.norms(), field.log_norm()
    h = time / GRID
    radii = _enclose_radii(norms, decay, start, h)
    top = basis.order + field.degree - 1
    if top <= basis.order:
        return 0.0
    if not np.isfinite(radii).all():
        return float("inf")
    wide = Basis(basis.n, top, basis.kind, basis.scale)
    if wide.dimension > EXACT_LIMIT or basis.dimension > EXACT_LIMIT // 10:
        return _scalar_continuous(norms, decay, basis.order, radii, h)
    dropped = _dropped(wide, continuous_blocks(field, wide, basis.order), basis.order)
    dense = matrix.toarray()
    growth = float(np.exp(max(np.linalg.eigvalsh((dense + dense.T) / 2)[-1], 0.0) * h))
    flow = linalg.expm(dense * h)
    curvature = {degree: spectral_norm(matrix @ (matrix @ defect)) for degree, defect in dropped.items()}
    total = 0.0
    left = np.eye(basis.n, basis.dimension)
    for radius in radii[::-1]:
        size = _norm(left)
        for degree, defect in dropped.items():
            reach = h * _norm(left @ defect) + h**2 / 2 * _norm(left @ (matrix @ defect))
            reach += h**3 / 6 * growth * size * curvature[degree]
            total += reach * (basis.scale * radius) ** degree
        left = left @ flow
    return total / basis.scale


def _dropped(wide: Basis, blocks: dict[tuple[int, int], Csr], order: int) -> dict[int, Csr]:
    """The weighted columns of each degree past the order: what one step loses per unit of z_d."""
    rows = range(1, order + 1)
    degrees = sorted({d for _, d in blocks if d > order})
    return {d: join_blocks(wide, blocks, rows, range(d, d + 1)) for d in degrees}


def _norm(matrix: Any) -> float:
    """The 2-norm of a matrix with few rows."""
    return float(np.sqrt(max(np.linalg.eigvalsh(matrix @ matrix.T)[-1], 0.0)))


def _iterate(step: Callable[[float], float], start: float, steps: int) -> RealArray:
    values = [start]
    for _ in range(steps):
        values.append(step(values[-1]) if values[-1] < LARGEST else float("inf"))
    return np.array(values)


def _scalar_discrete(norms: dict[int, float], order: int, radii: RealArray) -> float:
    """Propagate block norms: |M_jd| <= [x^d] (sum_k |W_k| x^k)^j for the kept and the dropped degrees alike."""
    series = np.zeros(max(norms) + 1)
    series[list(norms)] = list(norms.values())
    powers = [series]
    for _ in range(1, order):
        powers.append(np.convolve(powers[-1], series))
    kept = np.array([np.resize(np.append(p, np.zeros(order + 1)), order + 1)[1:] for p in powers])
    errors = np.zeros(order)
    for radius in radii[:-1]:
        tails = [sum(c * radius ** (d) for d, c in enumerate(p) if d > order) for p in powers]
        errors = kept @ errors + np.array(tails)
    return float(errors[0])


def _enclose_radii(norms: dict[int, float], decay: float, start: float, h: float) -> RealArray:
    """Upper bounds of |u| over each of GRID steps of the majorant ODE, infinite once none is found."""
    exp, phi = float(np.exp(decay * h)), float(h if decay == 0 else np.expm1(decay * h) / decay)
    radius, enclosures = start, []
    for _ in range(GRID):
        bound, drive = 1.001 * radius + 1e-300, 0.0
        for _ in range(200):
            drive = norms.get(0, 0.0) + sum(f * bound**k for k, f in norms.items() if k >= 2)
            reached = max(radius, exp * radius + phi * drive)
            if reached <= bound:
                break
            bound = 1.001 * reached
            if bound > LARGEST:
                return np.full(GRID, np.inf)
        else:
            return np.full(GRID, np.inf)
        enclosures.append(bound)
        radius = exp * radius + phi * drive
    return np.array(enclosures)


def _scalar_continuous(
    norms: dict[int, float], decay: float, order: int, radii: RealArray, h: float
) -> float:
    """Propagate block norms through the comparison system e_j' <= j mu e_j + sum_k j |F_k| e_{j+k-1} + tail."""
    system = np.zeros((order + 1, order + 1))
    tails = {}
    for j in range(1, order + 1):
        system[j - 1, j - 1] = j * decay
        for k, norm in norms.items():
            if k != 1 and 1 <= j + k - 1 <= order:
                system[j - 1, j + k - 2] += j * norm
            elif j + k - 1 > order:
                tails[j, j + k - 1] = j * norm
    errors = np.zeros(order)
    for radius in radii:
        system[:order, order] = 0.0
        for (j, degree), norm in tails.items():
            system[j - 1, order] += norm * radius**degree
        errors = (linalg.expm(system * h) @ np.append(errors, 1.0))[:order]
    return float(errors[0])
