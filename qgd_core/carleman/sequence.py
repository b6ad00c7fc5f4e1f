"""Time-dependent Carleman maps: one exact step matrix per minibatch or learning rate, in one basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import RealArray, real_vector
from qgd_core.carleman.certificate import certify_sequence
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.growth import DENSE_LIMIT, Growth, dense_growth, lower_growth, upper_growth
from qgd_core.carleman.lift import Basis
from qgd_core.carleman.system import CarlemanSystem, carleman
from qgd_core.dynamics.monomials import Csr
from qgd_core.dynamics.numbers import positive_number
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.errors import ConfigError


@dataclass(frozen=True, eq=False)
class CarlemanSequence:
    """The linear recurrence z(t+1) = M_t z(t) + b_t, one discrete Carleman system per step, in one basis."""

    systems: tuple[CarlemanSystem, ...]

    @property
    def basis(self) -> Basis:
        """The coordinates all steps share."""
        return self.systems[0].basis

    @property
    def matrices(self) -> list[Csr]:
        """M_0 .. M_{T-1}, each CSR of shape (D, D)."""
        return [system.matrix for system in self.systems]

    @property
    def sources(self) -> list[RealArray]:
        """b_0 .. b_{T-1}, each of shape (D,)."""
        return [system.source for system in self.systems]

    def evolve(self, z0: ArrayLike) -> RealArray:
        """Return z(T) of the truncated recurrence from z0 (D,), exact to rounding."""
        z = real_vector(z0, "z0", self.basis.dimension)
        for system in self.systems:
            z = np.asarray(system.matrix @ z + system.source)
        return z

    def classical(self, u0: ArrayLike) -> RealArray:
        """Return u(T), shape (n,), of the truncated recurrence from u0."""
        return self.basis.project(self.evolve(self.basis.lift(real_vector(u0, "u0", self.basis.n))))

    def power_norm(self) -> float:
        """Return max |M_t .. M_0|_2 over t, at least 1: how much an error in the start can grow.

        Arguments: none.
        Result: exact to rounding up to dimension 2000 if stored, D^3 operations a step; past that an upper bound from
        norms of blocks, without a product.
        Raises: nothing.
        Source: qgd_core.carleman.growth.
        """
        return dense_growth(self.systems).upper if self._is_small else upper_growth(self.systems)

    def growth(self, seed: int = 0) -> Growth:
        """Return bounds of power_norm() from below and above, equal where it is exact; see qgd_core.carleman.growth."""
        if self._is_small:
            return dense_growth(self.systems)
        return Growth(lower_growth(self.systems, seed), upper_growth(self.systems))

    @property
    def _is_small(self) -> bool:
        return self.basis.dimension <= DENSE_LIMIT and all(system.is_stored for system in self.systems)

    def error_bound(self, u0: ArrayLike) -> float:
        """Bound the truncation error of u(T) in the 2-norm without the nonlinear trajectory.

        Arguments: u0, array (n,), measured from the centre.
        Result: an upper bound of |u(T) - classical(u0)|, rounding apart, infinite when it does not close.
        Raises: ConfigError when u0 has a wrong shape.
        Source: qgd_core.carleman.certificate.
        """
        steps = [
            (step_map(system.field, system.step), system.matrix, system.source) for system in self.systems
        ]
        return certify_sequence(steps, self.basis, real_vector(u0, "u0", self.basis.n))


def carleman_sequence(
    fields: Sequence[PolynomialField],
    order: int,
    step: float | Sequence[float],
    basis: str = "symmetric",
    scale: float = 1.0,
) -> CarlemanSequence:
    """Linearise a run of different steps: minibatches of SGD, a learning-rate schedule, or both.

    Arguments: fields, one per step, in the same variables around the same centre (repeat one for a schedule);
    order N; step, the learning rate of all steps or one per step; basis and scale as in carleman.
    Result: a CarlemanSequence; equal (field, step) pairs share one matrix.
    Raises: ConfigError when there is no step, or the fields or rates do not match.
    Source: Eq 5 of arXiv 2303.03428 with one matrix per step.
    """
    rates = [positive_number(rate, "step") for rate in np.atleast_1d(np.asarray(step, dtype=object))]
    if len(rates) == 1:
        rates *= len(fields)
    if not fields or len(rates) != len(fields):
        raise ConfigError(f"{len(fields)} fields and {len(rates)} steps do not match.", value=len(fields))
    for field in fields:
        if not isinstance(field, PolynomialField):
            raise ConfigError(f"{type(field).__name__} is not a PolynomialField.", subject=field)
    first = fields[0]
    if any(f.n != first.n or not np.array_equal(f.centre, first.centre) for f in fields):
        raise ConfigError(
            "The fields of a sequence have different variables or centres.",
            remedy="Shift them all to one centre.",
        )
    known: dict[tuple[int, float], CarlemanSystem] = {}
    for field, rate in zip(fields, rates, strict=True):
        if (id(field), rate) not in known:
            known[id(field), rate] = carleman(field, order, step=rate, basis=basis, scale=scale)
    return CarlemanSequence(tuple(known[id(f), rate] for f, rate in zip(fields, rates, strict=True)))
