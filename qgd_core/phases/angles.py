"""Rotation angles of quantum signal processing, each set certified by multiplying it out again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft as fft
from numpy.typing import ArrayLike

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.errors import ConfigError, PrecisionUnreachable
from qgd_core.phases.chebyshev import Chebyshev
from qgd_core.phases.complete import complete
from qgd_core.phases.nlft import Coefficients, expand, invert

_CERTIFIED = 1e-12


@dataclass(frozen=True, eq=False)
class QsvtAngles:
    """Symmetric phases psi_0 ... psi_d of a real polynomial P of definite parity.

    Im <0| e^(i psi_0 Z) W e^(i psi_1 Z) W ... e^(i psi_d Z) |0> = P(x) with W = e^(i arccos(x) X), within
    `residual` for every x in [-1, 1].
    """

    symmetric: RealArray
    residual: float

    @property
    def degree(self) -> int:
        """Number of uses of the signal."""
        return self.symmetric.size - 1

    @property
    def reflection(self) -> RealArray:
        """Phases phi with Re <0| e^(i phi_0 Z) R e^(i phi_1 Z) ... R e^(i phi_d Z) |0> = P(x).

        R = [[x, s], [s, -x]], s = sqrt(1 - x^2), is what a block encoding does on each singular value:
        phases of projector-controlled rotations (Gilyen et al., arXiv:1806.01838, corollary 18).
        """
        phases = self.symmetric - np.pi / 2
        phases[[0, -1]] += np.pi / 4
        phases[0] += (self.degree - 1) * np.pi / 2
        # One end takes the surplus of degree 0, where both ends are the same angle.
        return phases if self.degree else self.symmetric - np.pi / 2


@dataclass(frozen=True, eq=False)
class GqspAngles:
    """Angles of the rotations G_k = Rz(-chi_k) Ry(-2 theta_k) Rz(chi_k) of generalised signal processing.

    <0| G_0 D G_1 D ... D G_d |1> = sum_k p_k z^k with D = diag(z, 1): z is a unitary's eigenvalue, and D one
    use of it controlled on the ancilla being 0. Holds within `residual` for every |z| = 1.
    """

    theta: RealArray
    chi: RealArray
    residual: float

    @property
    def degree(self) -> int:
        """Number of uses of the signal."""
        return self.theta.size - 1


def qsvt_angles(polynomial: Chebyshev, tolerance: float = _CERTIFIED) -> QsvtAngles:
    """Phases of the singular value transformation by a real polynomial.

    Arguments: polynomial, real, even or odd, below 1 in magnitude on [-1, 1]; tolerance, largest residual.
    Result: degree + 1 symmetric phases with the certified residual, near 1e-15 at any degree; n log^2 n time.
    Raises: ConfigError for complex coefficients, mixed parity, or a magnitude of 1 or more (says where and by
    how much); PrecisionUnreachable when the magnitude is too near 1 or the residual exceeds tolerance.
    Source: symmetric phases as a nonlinear Fourier series: Alexis et al., arXiv:2407.05634, section 3, with
    g_k = i tan(psi_k); inverse by arXiv:2505.12615, completion by arXiv:2406.04246.
    """
    if np.iscomplexobj(polynomial.coefficients):
        raise ConfigError(
            "QSVT phases need real coefficients.", subject=polynomial, remedy="Use gqsp_angles, or the parts."
        )
    if polynomial.parity is None:
        raise ConfigError(
            "QSVT phases need an even or an odd polynomial.",
            subject=polynomial,
            remedy="Use gqsp_angles, or split it into its even and its odd part.",
        )
    where, peak = polynomial.peak()
    _below_one(peak, f"x = {where:.6g}", polynomial)
    b = walk_coefficients(polynomial)[::2]
    n = b.size
    half = n // 2 + 1 if n > 1 else 1
    first = invert(complete(b)[:half], b[:half])
    psi = np.arctan(np.concatenate([first, first[: n - half][::-1]]))
    return QsvtAngles(psi, _certify(np.tan(psi), b, tolerance))


def gqsp_angles(coefficients: ArrayLike, tolerance: float = _CERTIFIED) -> GqspAngles:
    """Angles of generalised quantum signal processing for a polynomial in powers of a unitary.

    Arguments: coefficients, real or complex, shape (d + 1,), of powers 0 to d of z, below 1 in magnitude on
    the unit circle (`walk_coefficients` gives them for a Chebyshev series); tolerance, largest residual.
    Result: d + 1 rotations with the certified residual; n log^2 n time.
    Raises: ConfigError for bad coefficients or a magnitude of 1 or more (says where and by how much);
    PrecisionUnreachable when the magnitude is too near 1 or the residual exceeds tolerance.
    Source: Motlagh, Wiebe, arXiv:2308.01501, theorem 3, with the inverse of arXiv:2505.12615.
    """
    given = np.atleast_1d(np.asarray(coefficients))
    if given.dtype.kind not in "biufc":
        raise ConfigError(f"Coefficients must be numbers, got {given.dtype}.", subject=coefficients)
    b = given.astype(np.complex128 if np.iscomplexobj(given) else np.float64)
    if b.ndim != 1 or b.size == 0 or not np.isfinite(b).all():
        raise ConfigError(f"Coefficients need shape (d + 1,) and finite entries, got shape {b.shape}.")
    values = np.abs(_on_circle(b))
    j = int(values.argmax())
    _below_one(float(values[j]), f"z = exp({-2 * np.pi * j / values.size:.6g} i)", coefficients)
    gammas = invert(complete(b), b)
    theta, chi = np.arctan(np.abs(gammas)), np.angle(gammas)
    rebuilt = np.tan(theta) * (np.exp(1j * chi) if np.iscomplexobj(b) else np.cos(chi))
    return GqspAngles(theta, chi, _certify(rebuilt, b, tolerance))


def walk_coefficients(polynomial: Chebyshev) -> Coefficients:
    """Coefficients of z^d P((z + 1/z) / 2), powers 0 to 2 d: P of a walk operator with eigenvalues e^(+-i arccos x)."""
    half = polynomial.coefficients / 2
    both = np.concatenate([half[:0:-1], half])
    both[half.size - 1] *= 2
    return both


def _below_one(peak: float, where: str, subject: object) -> None:
    if not peak < 1.0:
        raise ConfigError(
            f"The polynomial has magnitude {peak:.12g} at {where}, above 1 by {peak - 1.0:.3g}.",
            subject=subject,
            value=peak,
            remedy="Scale it down.",
        )


def _certify(gammas: Coefficients, b: Coefficients, tolerance: float) -> float:
    """Largest distance on the circle between the polynomial and what the angles multiply out to."""
    # Between points of a grid four times finer than the degree a polynomial grows by at most 1/cos(pi/8).
    residual = float(np.abs(_on_circle(expand(gammas)[1] - b)).max() / np.cos(np.pi / 8))
    if not residual <= tolerance:
        raise PrecisionUnreachable(
            f"The phases reproduce the polynomial to {residual:.1e} only, not to {tolerance:.1e}.",
            value=residual,
            remedy="Scale the polynomial down, or accept a larger tolerance.",
        )
    return residual


def _on_circle(b: Coefficients) -> ComplexArray:
    size = 1 << (4 * b.size - 1).bit_length()
    return np.asarray(fft.fft(b, size) if np.iscomplexobj(b) else fft.rfft(b, size))
