"""The truncated Carleman system of a polynomial field, and the constructor that assembles it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator, expm_multiply

from qgd_core.arrays import RealArray, real_vector
from qgd_core.carleman.blocks import continuous_matrix, continuous_source
from qgd_core.carleman.bounds import continuous_majorant, discrete_majorant
from qgd_core.carleman.certificate import (
    can_certify,
    certify_continuous,
    certify_discrete,
    certify_sequence,
)
from qgd_core.carleman.discrete import discrete_matrix, discrete_source, step_map
from qgd_core.carleman.factors import carleman_operator, kronecker_terms
from qgd_core.carleman.growth import DENSE_LIMIT, Growth, dense_growth, lower_growth, upper_growth
from qgd_core.carleman.lift import BASES, Basis
from qgd_core.carleman.size import MEMORY, fits_in_memory
from qgd_core.dynamics.monomials import Csr
from qgd_core.dynamics.numbers import nonnegative_number, positive_number, whole_number
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.spectral import spectral_norm, symmetric_log_norm
from qgd_core.errors import ConfigError

FORMS = ("discrete", "continuous")


@dataclass(frozen=True, eq=False)
class CarlemanSystem:
    """The linear system of a field truncated at degree N.

    discrete: z(t+1) = matrix z(t) + source, exact for u(t+1) = u(t) + step F(u(t)) up to the dropped degrees.
    continuous: dz/dt = matrix z + source. Coordinates and their order: `basis`. The matrix is a scipy CSR array,
    or a LinearOperator past the memory given to `carleman`.
    """

    field: PolynomialField
    form: str
    step: float
    basis: Basis
    matrix: Any
    source: RealArray

    @property
    def n(self) -> int:
        """The number of variables u."""
        return self.field.n

    @property
    def order(self) -> int:
        """N, the highest degree kept."""
        return self.basis.order

    @property
    def dimension(self) -> int:
        """D, the number of coordinates."""
        return self.basis.dimension

    @property
    def scale(self) -> float:
        """g: the coordinates are monomials of g u."""
        return self.basis.scale

    @property
    def is_stored(self) -> bool:
        """Whether the matrix is stored; past a size it is a LinearOperator."""
        return not isinstance(self.matrix, LinearOperator)

    def lift(self, u: ArrayLike) -> RealArray:
        """Return the coordinates of u, (n,) or (batch, n), measured from the centre; exact to rounding."""
        return self.basis.lift(u)

    def project(self, z: ArrayLike) -> RealArray:
        """Return u from coordinates (D,) or (batch, D): the block of degree 1 divided by the scale."""
        return self.basis.project(z)

    def log_norm(self) -> float:
        """Return the growth rate in the 2-norm: mu(A) if continuous, log |M|_2 per step if discrete."""
        if self.form == "continuous":
            return symmetric_log_norm(self.matrix)
        return float(np.log(spectral_norm(self.matrix)))

    def power_norm(self, steps: int) -> float:
        """Return max |M^t|_2 over t = 0..steps (discrete), or max |exp(A t)|_2 over whole t (continuous).

        Arguments: steps, the number of powers.
        Result: the norm of powers, at least 1, which bounds how much any error in z can grow: exact to rounding up
        to dimension 2000 if stored, an upper bound from norms of blocks past that.
        Raises: nothing.
        Source: the condition number of Eq 6 of arXiv 2303.03428 is at most (1 + |M|) times their sum.
        """
        run = [self] * whole_number(steps, "steps")
        return dense_growth(run).upper if self._is_small else upper_growth(run)

    def growth(self, steps: int, seed: int = 0) -> Growth:
        """Return bounds of power_norm(steps) from below and above, equal where it is exact; see qgd_core.carleman.growth."""
        run = [self] * whole_number(steps, "steps")
        return dense_growth(run) if self._is_small else Growth(lower_growth(run, seed), upper_growth(run))

    def evolve(self, z0: ArrayLike, T: float) -> RealArray:
        """Return z(T) of the truncated system from z0 (D,), by sparse products; exact to rounding."""
        z = real_vector(z0, "z0", self.dimension)
        if self.form == "discrete":
            for _ in range(self._steps(T)):
                z = self.matrix @ z + self.source
            return z
        extended, trace = self._extended()
        final = expm_multiply(extended * self._time(T), np.append(z, 1.0), traceA=trace * T)
        return np.asarray(final[:-1], dtype=np.float64)

    def classical(self, u0: ArrayLike, T: float) -> RealArray:
        """Return u(T), shape (n,), of the truncated system from u0: the answer a quantum solver aims at."""
        return self.project(self.evolve(self.lift(real_vector(u0, "u0", self.n)), T))

    def error_bound(self, u0: ArrayLike, T: float) -> float:
        """Bound the truncation error of u(T) without computing the nonlinear trajectory.

        Arguments: u0, array (n,), measured from the centre; T, number of steps (discrete) or time.
        Result: an upper bound of |u(T) - classical(u0, T)| in the 2-norm, rounding apart, for any field,
        dissipative or not; infinite when it does not close within the window. Maps are certified along a run of
        the truncated system (as a rule within twice the error); flows likewise up to D = 400, past that by norms.
        Raises: ConfigError when u0 or T is out of range.
        Source: qgd_core.carleman.certificate and qgd_core.carleman.bounds.
        """
        start, size = real_vector(u0, "u0", self.n), float(np.linalg.norm(u0))
        if self.form == "continuous":
            time = self._time(T)
            prior = continuous_majorant(self.field, self.order, size, time)
            if not (self.is_stored and can_certify(self.basis, self.field.degree, self.form, 0, 0)):
                return prior
            tight = certify_continuous(self.field, self.basis, self.matrix, self.source, start, time)
            return min(prior, tight)
        steps, update = self._steps(T), step_map(self.field, self.step)
        prior = discrete_majorant(update, self.order, size, steps)
        if self.is_stored and can_certify(self.basis, update.degree, self.form, self.matrix.nnz, steps):
            tight = certify_discrete(update, self.basis, self.matrix, self.source, start, steps)
        else:
            tight = certify_sequence([(update, self.matrix, self.source)] * steps, self.basis, start)
        return min(prior, tight)

    def error_estimate(self, u0: ArrayLike, T: float) -> float:
        """Estimate the truncation error of u(T) a posteriori: the distance between orders N and N + 1.

        Arguments: as error_bound.
        Result: |classical(u0, T) at N - the same at N + 1|; an estimate, not a bound.
        Raises: ConfigError when u0 or T is out of range.
        Source: the usual embedded-order estimate.
        """
        finer = carleman(
            self.field,
            order=self.order + 1,
            form=self.form,
            step=self.step,
            basis=self.basis.kind,
            scale=self.scale,
        )
        return float(np.linalg.norm(finer.classical(u0, T) - self.classical(u0, T)))

    def rescaled(self, scale: float) -> CarlemanSystem:
        """Return the same truncated system in monomials of scale * u: a diagonal similarity."""
        basis = replace(self.basis, scale=positive_number(scale, "scale"))
        power = np.concatenate(
            [np.full(basis.size(j), (scale / self.scale) ** j) for j in range(1, self.order + 1)]
        )
        outer, inner = sparse.diags_array(power), sparse.diags_array(1.0 / power)
        if self.is_stored:
            matrix: Any = sparse.csr_array(outer @ self.matrix @ inner)
        else:
            matrix = aslinearoperator(outer) @ self.matrix @ aslinearoperator(inner)
        return replace(self, basis=basis, matrix=matrix, source=self.source * power)

    def anchored(self, weight: float) -> Csr:
        """Adjoin a constant coordinate, placed first, that carries the source.

        Arguments: weight s > 0, the value of the constant coordinate.
        Result: CSR (D+1, D+1), [[1, 0], [source/s, M]] (first entry 0 if continuous), acting on (s, z).
        Raises: ConfigError when s is not positive, or the matrix is not stored.
        Source: homogenisation of an affine recurrence.
        """
        if not self.is_stored:
            raise ConfigError("The matrix is not stored.", subject=self, remedy="Allow more memory.")
        column = sparse.csr_array(self.source[:, np.newaxis] / positive_number(weight, "weight"))
        corner = sparse.csr_array(np.array([[float(self.form == "discrete")]]))
        return sparse.csr_array(sparse.block_array([[corner, None], [column, self.matrix]], format="csr"))

    @property
    def _is_small(self) -> bool:
        return self.is_stored and self.dimension <= DENSE_LIMIT

    def _extended(self) -> tuple[Any, float]:
        """The generator with the source as one more column and a last row of zeros, and its trace."""
        if self.is_stored:
            zero, column = sparse.csr_array((1, 1)), sparse.csr_array(self.source[:, np.newaxis])
            extended = sparse.block_array([[self.matrix, column], [None, zero]], format="csr")
            return extended, float(self.matrix.diagonal().sum())
        size = self.dimension + 1
        operator = LinearOperator(
            (size, size),
            matvec=lambda z: np.append(self.matrix @ z.ravel()[:-1] + z.ravel()[-1] * self.source, 0.0),
            rmatvec=lambda z: np.append(self.matrix.T @ z.ravel()[:-1], self.source @ z.ravel()[:-1]),
            dtype=np.float64,
        )
        # The trace only centres the exponential; that of the linear part is enough.
        return operator, 0.0

    def _steps(self, T: float) -> int:
        return whole_number(T, "T")

    def _time(self, T: float) -> float:
        return nonnegative_number(T, "T")


def carleman(
    field: PolynomialField,
    order: int,
    form: str = "discrete",
    step: float | None = None,
    basis: str = "symmetric",
    scale: float = 1.0,
    memory: float = MEMORY,
) -> CarlemanSystem:
    """Linearise a polynomial field: the truncated Carleman system of its flow or of its gradient step.

    Arguments: field in n variables; order N >= 1; form, "discrete" (all cross terms of u + step F(u)) or
    "continuous"; step, the learning rate eta of the discrete form; basis, "symmetric" (D = C(n+N, N) - 1) or
    "kronecker" (D = n + n^2 + ... + n^N); scale g > 0, coordinates are monomials of g u; memory in bytes, 4 GiB by
    default, past which the matrix is a LinearOperator.
    Result: a CarlemanSystem whose coefficients are exact; only the dropped degrees are lost (error_bound).
    Raises: ConfigError when an argument is out of range, or not even an operator would fit in memory.
    Source: Eqs 4 and 5 of arXiv 2303.03428; arXiv 2011.03185 for the continuous form.
    """
    if form not in FORMS or basis not in BASES:
        raise ConfigError(f"form {form!r} and basis {basis!r} must be one of {FORMS} and one of {BASES}.")
    if form == "discrete" and step is None:
        raise ConfigError("The discrete form needs a step.", subject="step", remedy="Pass step=eta.")
    if not isinstance(field, PolynomialField):
        raise ConfigError(f"{type(field).__name__} is not a PolynomialField.", subject=field)
    coordinates = Basis(field.n, whole_number(order, "order", 1), basis, positive_number(scale, "scale"))
    discrete = form == "discrete"
    eta = positive_number(step, "step") if discrete else 0.0
    update = step_map(field, eta) if discrete else field
    matrix: Any
    if not fits_in_memory(update, coordinates, discrete, positive_number(memory, "memory")):
        matrix = carleman_operator(kronecker_terms(update, coordinates.order, discrete), coordinates)
    elif discrete:
        matrix = discrete_matrix(update, coordinates)
    else:
        matrix = continuous_matrix(field, coordinates)
    source = discrete_source(update, coordinates) if discrete else continuous_source(field, coordinates)
    return CarlemanSystem(field, form, eta, coordinates, matrix, source)
