"""The modified field of a gradient step: the flow that passes through every iterate of the map."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev
from scipy import sparse

from qgd_core.arrays import RealArray
from qgd_core.dynamics.compose import compose
from qgd_core.dynamics.frame import eigenframe, rotate
from qgd_core.dynamics.monomials import Csr, split_columns
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError, NotDissipative

NODES = 24


def modified_field(field: PolynomialField, step: float, degree: int) -> PolynomialField:
    """Return the field whose flow over the time `step` is the map u + step F(u), degree by degree.

    Arguments: field F with a symmetric F_1, around a fixed point (F_0 = 0); step eta; degree, the highest kept.
    Result: the formal generator in the coordinates and around the centre of the field, exact to rounding up to
    the degree: its continuous Carleman matrix at order N <= degree is log(M)/step, M the exact discrete one.
    Raises: NotDissipative when F_0 is not zero or some eta lambda reaches 1 (no real logarithm); ConfigError when
    the degree is below 1 or F_1 is not symmetric.
    Source: backward error analysis; for degree 2, F_2 times (a_j + a_k - a_i)/(m_j m_k - m_i), a = log m, m = 1 -
    eta lambda; derived here for all degrees.
    """
    if degree < 1:
        raise ConfigError(
            f"degree is {degree}, expected a whole number >= 1.", subject="degree", value=degree
        )
    drive = float(np.linalg.norm(field.coefficient(0).toarray()))
    if drive > 1e-12 * max(1.0, *field.norms().values()):
        raise NotDissipative(
            "The field has a source, so the centre is not a fixed point of the step.",
            subject=field,
            value=drive,
            remedy="Shift to a fixed point first, for example by stability.newton_centre.",
        )
    frame, turned = eigenframe(field)
    multipliers = 1.0 + step * turned.coefficient(1).diagonal()
    check_multipliers(multipliers, field)
    rates = np.log(multipliers)
    generator = PolynomialField({1: sparse.diags_array(rates, format="csr")})
    for k in range(2, degree + 1):
        wanted = turned.monomials.get(k)
        missing = _flow_coefficient(generator, rates, k) * -1.0
        if wanted is not None:
            missing = sparse.csr_array(missing + wanted * step)
        generator = generator + PolynomialField({k: _divide(missing, rates, k)})
    back = rotate(generator, frame.T)
    return PolynomialField({k: m * (1.0 / step) for k, m in back.coefficients.items()}, centre=field.centre)


def check_multipliers(multipliers: RealArray, subject: object) -> None:
    """Raise NotDissipative unless all multipliers (n,) of a step are positive, as those of a real flow are."""
    if not multipliers.min() > 0.0:
        raise NotDissipative(
            "A step overshoots: some eta times curvature reaches 1, and no real flow does that.",
            subject=subject,
            value=float(1.0 - multipliers.min()),
            remedy="Lower the step.",
        )


def _flow_coefficient(generator: PolynomialField, rates: RealArray, k: int) -> Csr:
    """Degree k of the time-1 flow of a generator that has no term of degree k itself, diagonal linear part."""
    n, times = rates.size, (1.0 - np.cos(np.pi * np.arange(NODES + 1) / NODES)) / 2
    nonlinear = PolynomialField(
        {d: m for d, m in generator.coefficients.items() if d != 1} or {1: np.eye(n) * 0}
    )
    flows = [PolynomialField({1: sparse.diags_array(np.exp(rates * t), format="csr")}) for t in times]
    for d in range(2, k + 1):
        forces = [compose(nonlinear, flow, degree=d).coefficient(d) for flow in flows]
        terms = _integrate_damped([force.toarray() for force in forces], rates, times)
        flows = [flow + PolynomialField({d: term}) for flow, term in zip(flows, terms, strict=True)]
    return flows[-1].coefficient(k)


def _integrate_damped(forces: list[RealArray], rates: RealArray, times: RealArray) -> list[RealArray]:
    """The integral over [0, t] of exp(rates (t - s)) force(s) at every node t, by Chebyshev interpolation."""
    weighted = np.array([f * np.exp(-rates * t)[:, np.newaxis] for f, t in zip(forces, times, strict=True)])
    series = chebyshev.chebfit(2 * times - 1, weighted.reshape(len(times), -1), NODES)
    integral = chebyshev.chebint(series, lbnd=-1, axis=0) / 2
    values = chebyshev.chebval(2 * times - 1, integral).T.reshape(weighted.shape)
    return [np.exp(rates * t)[:, np.newaxis] * v for t, v in zip(times, values, strict=True)]


def _divide(missing: Csr, rates: RealArray, k: int) -> Csr:
    """Divide each entry (i, j1..jk) by the integral of exp(a_i (1-s) + (a_j1 + .. + a_jk) s) over [0, 1]."""
    entries = missing.tocoo()
    digits = split_columns(entries.col.astype(np.int64), rates.size, k)
    own, others = rates[entries.row], rates[digits].sum(axis=0)
    gap = others - own
    safe = np.where(gap == 0.0, 1.0, gap)
    divisor = np.exp(own) * np.where(gap == 0.0, 1.0, np.expm1(gap) / safe)
    return sparse.csr_array(
        sparse.coo_array((entries.data / divisor, (entries.row, entries.col)), shape=missing.shape)
    )
