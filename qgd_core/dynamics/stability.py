"""The R numbers of the literature and what each asks of a field: below 1, Carleman series converge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, linalg

from qgd_core.arrays import RealArray, real_vector
from qgd_core.dynamics.compose import compose
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError, NotDissipative


def liu_r(field: PolynomialField, u0: ArrayLike) -> float:
    """R with the rightmost eigenvalue of F_1; sound for normal F_1. Source: Liu et al., arXiv 2011.03185, Eq 1.7."""
    return field.r_number(u0)


def log_norm_r(field: PolynomialField, u0: ArrayLike) -> float:
    """R with the log-norm mu(F_1), so for non-normal F_1 too. Source: Krovi, arXiv 2202.01054."""
    return _ratio(field, float(np.linalg.norm(real_vector(u0, "u0", field.n))))


def costa_r(field: PolynomialField, u0: ArrayLike) -> float:
    """R = |u0|^(p-1) |F_p| / |Re lambda_1| for one nonlinear degree p and no source, else infinite.

    Source: Costa et al., arXiv 2312.09518.
    """
    nonlinear = [k for k, norm in field.norms().items() if k != 1 and norm]
    return field.r_number(u0) if len(nonlinear) <= 1 and 0 not in nonlinear else float("inf")


def lyapunov_r(field: PolynomialField, u0: ArrayLike, form: RealArray | None = None) -> float:
    """R in the norm |u|_P = sqrt(u^T P u) of a quadratic Lyapunov function.

    Arguments: field in n variables (dense n^3 work); u0 (n,); form, P (n, n), symmetric positive definite; by default
    the solution of F_1^T P + P F_1 = -1.
    Result: log_norm_r of the field of v = P^(1/2) u: below 1 for some P suffices, and P = 1 gives log_norm_r.
    Infinite when F_1 has no Lyapunov function.
    Raises: ConfigError when P is not symmetric positive definite of the right shape.
    Source: Jennings et al., arXiv 2509.07155.
    """
    linear = field.coefficient(1).toarray()
    if form is None:
        if np.linalg.eigvals(linear).real.max() >= 0.0:
            return float("inf")
        form = np.asarray(linalg.solve_continuous_lyapunov(linear.T, -np.eye(field.n)), dtype=np.float64)
    given = np.asarray(form, dtype=np.float64)
    if given.shape != (field.n, field.n) or not np.allclose(given, given.T, atol=1e-10 * np.abs(given).max()):
        raise ConfigError(
            f"P has shape {given.shape}, expected symmetric ({field.n}, {field.n}).", subject=form
        )
    values, frame = np.linalg.eigh((given + given.T) / 2)
    if values[0] <= 0.0:
        raise ConfigError("P is not positive definite.", subject=form, value=float(values[0]))
    root, inverse = (frame * np.sqrt(values) @ frame.T), (frame / np.sqrt(values) @ frame.T)
    forward, back = PolynomialField({1: root}), PolynomialField({1: inverse})
    turned = compose(forward, compose(field, back))
    return _ratio(turned, float(np.linalg.norm(root @ real_vector(u0, "u0", field.n))))


R_NUMBERS: dict[str, Callable[[PolynomialField, ArrayLike], float]] = {
    "Liu et al. 2011.03185": liu_r,
    "Krovi 2202.01054 (log-norm)": log_norm_r,
    "Costa et al. 2312.09518": costa_r,
    "Jennings et al. 2509.07155 (Lyapunov)": lyapunov_r,
}


def admissible_time(field: PolynomialField, u0: ArrayLike) -> float:
    """Return the time up to which the norm majorant of the flow stays finite.

    Arguments: field; u0 (n,), measured from the centre.
    Result: the blow-up time of r' = |F_0| + mu(F_1) r + sum_k |F_k| r^k from r = |u0|: infinite when the majorant
    comes to rest. Up to it the truncated Carleman error falls to zero with N; past it nothing is promised.
    Raises: ConfigError when u0 has a wrong shape.
    Source: for F_0 = 0, degree 2 and mu replaced by |F_1| it is the window of Forets and Pouly, arXiv 1711.02552.
    """
    norms, decay = field.norms(), field.log_norm()
    start = float(np.linalg.norm(real_vector(u0, "u0", field.n)))
    series = np.zeros(max([*norms, 1]) + 1)
    series[list(norms)] = list(norms.values())
    series[1] = decay
    if not series[2:].any():
        return float("inf")
    roots = np.roots(np.trim_zeros(series, "b")[::-1])
    rests = roots[(np.abs(roots.imag) < 1e-12 * (1 + np.abs(roots))) & (roots.real >= start)].real
    if rests.size or float(np.polynomial.polynomial.polyval(start, series)) <= 0.0:
        return float("inf")
    top = int(np.flatnonzero(series)[-1])
    lead = series[top]
    scale = start + (series[0] / lead) ** (1 / top) + (abs(decay) / lead) ** (1 / (top - 1))
    # With r = start + scale (1-x)/x the time is an integral over 0 < x <= 1 of a bounded function.
    time, _ = integrate.quad(
        lambda x: (
            scale / (x * x * float(np.polynomial.polynomial.polyval(start + scale * (1 - x) / x, series)))
        ),
        1e-12,
        1.0,
        limit=200,
    )
    return float(time)


def newton_centre(field: PolynomialField, steps: int = 1) -> RealArray:
    """Return the point w that `steps` Newton steps from the centre reach on F = 0.

    Arguments: field; steps, each costing about n^3/3 multiplications for the solve.
    Result: the new centre (n,), in the coordinates w.
    Raises: NotDissipative when a Jacobian is singular.
    Source: Newton's method; R by centre in the manner of the pivot shift, arXiv 2605.20071.
    """
    point = np.zeros(field.n)
    for _ in range(steps):
        try:
            point = point - np.linalg.solve(field.jacobian(point), field(point))
        except np.linalg.LinAlgError as error:
            raise NotDissipative(
                "The Jacobian is singular, so Newton's step does not exist.",
                subject=field,
                value=0.0,
                remedy="Add weight decay.",
            ) from error
    return np.asarray(field.centre + point)


def _ratio(field: PolynomialField, size: float) -> float:
    norms, decay = field.norms(), field.log_norm()
    drive = norms.get(0, 0.0)
    if decay >= 0.0 or (size == 0.0 and drive > 0.0):
        return float("inf")
    pull = sum(norm * size ** (k - 1) for k, norm in norms.items() if k >= 2)
    return (pull + (drive / size if drive else 0.0)) / -decay
