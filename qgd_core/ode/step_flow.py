"""Gradient descent as a flow: the linear differential equation that passes through every state of a recurrence.

In the Hessian eigenframe a discrete Carleman matrix is nearly its diagonal: degrees drive one another, and without a
source only higher ones lower ones. Its logarithm then follows entry by entry from divided differences of the scalar
logarithm, which at order 2 is the closed form of the modified field; a source adds what leads back up the degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import expm_multiply, gmres
from scipy.special import roots_legendre

from qgd_core.arrays import RealArray
from qgd_core.dynamics.modified import check_multipliers
from qgd_core.dynamics.monomials import IndexArray
from qgd_core.errors import NotDissipative
from qgd_core.ode.base import LinearRecurrence, Matrix

# Gauss points of the terms of higher order in what couples degrees.
_POINTS = 16
_FIXED, _LEAST_GAP = 1e-11, 1e-9
# Points in time at which couplings are weighed.
_TIMES = 17
# The first trial leaves out what adds up to so many times what is allowed: signs cancel.
_BOLD, _HALVINGS = 8.0, 15


@dataclass(frozen=True, eq=False)
class StepFlow:
    """dy/dt = matrix y from `start` to time T, whose first m entries are the wanted numbers, measured from `offset`.

    exact (m, D) are the rows of the recurrence itself in these coordinates; `lost` (m,) bounds what coordinates that are
    no longer here add to the wanted numbers.
    """

    matrix: Matrix
    start: RealArray
    time: float
    exact: RealArray
    offset: RealArray
    lost: RealArray

    @property
    def n_wanted(self) -> int:
        """m."""
        return self.offset.size

    @property
    def bound(self) -> float:
        """Upper limit on the 2-norm of the wanted numbers, measured from the offset, from absolute values of the start."""
        return float(np.linalg.norm(np.abs(self.exact) @ np.abs(self.start) + self.lost))

    @cached_property
    def drift(self) -> float:
        """Bound on the 2-norm of what the flow's end differs by from the recurrence's, whatever the start's signs."""
        return float(
            np.linalg.norm(np.abs(self.rows() - self.exact) @ np.abs(self.start) + self.lost),
        )

    def rows(self) -> RealArray:
        """The first m rows of exp(matrix T), shape (m, D), to rounding."""
        unit = np.eye(self.start.size, self.n_wanted)
        return np.asarray(_flow(sp.csr_array(self.matrix.T), unit, self.time)).T

    def pruned(self, limit: float) -> StepFlow:
        """The flow without the couplings that matter least, and without coordinates that reach no wanted row any more.

        Arguments: limit, in 2-norm, on what all of them together may change the wanted numbers.
        Result: a flow whose drift is at most `limit`, by its own rows; the flow itself where its drift is above.
        Raises: nothing.
        Source: couplings are weighed by Duhamel's formula, first order, with absolute values.
        """
        entries = sp.coo_array(self.matrix)
        coupled, summed = self._weighed
        for halving in range(_HALVINGS):
            kept = np.ones(entries.data.size, dtype=bool)
            kept[coupled[summed <= _BOLD * limit / 2**halving]] = False
            rows, columns = (index[kept] for index in entries.coords)
            matrix = sp.csr_array((entries.data[kept], (rows, columns)), shape=self.matrix.shape)
            smaller = self._restricted(matrix)
            if smaller.drift <= limit:
                return smaller
        return self

    def _restricted(self, matrix: Matrix) -> StepFlow:
        """The flow of another matrix on the coordinates from which it reaches a wanted row."""
        alive = _reaching(matrix, self.n_wanted)
        return replace(
            self,
            matrix=sp.csr_array(matrix[alive][:, alive]),
            start=self.start[alive],
            exact=self.exact[:, alive],
            lost=self.lost + np.abs(self.exact[:, ~alive]) @ np.abs(self.start[~alive]),
        )

    @cached_property
    def _weighed(self) -> tuple[IndexArray, RealArray]:
        """The entries off the diagonal, and what they and those before add to a majorant of the wanted rows, rising."""
        entries = sp.coo_array(self.matrix)
        rows, columns = (np.asarray(index, dtype=np.int64) for index in entries.coords)
        coupled = np.flatnonzero(rows != columns)
        rows, columns = rows[coupled], columns[coupled]
        diagonal = self.matrix.diagonal()
        absolute = sp.csr_array(abs(self.matrix) + sp.diags_array(diagonal - np.abs(diagonal), format="csr"))
        target = (np.arange(self.start.size) < self.n_wanted).astype(np.float64)
        forward = self._history(absolute, np.abs(self.start))
        backward = self._history(sp.csr_array(absolute.T), target)[::-1]
        weights = np.full(_TIMES, self.time / (_TIMES - 1))
        weights[[0, -1]] /= 2
        importance = np.abs(entries.data[coupled]) * sum(
            weight * after[rows] * before[columns]
            for weight, after, before in zip(weights, backward, forward, strict=True)
        )
        order = np.argsort(importance)
        return coupled[order], np.cumsum(importance[order])

    def _history(self, matrix: Matrix, z: RealArray) -> RealArray:
        """exp(matrix t) z at _TIMES times from 0 to T."""
        states = [z]
        for _ in range(_TIMES - 1):
            states.append(_flow(matrix, states[-1], self.time / (_TIMES - 1)))
        return np.array(states)


def step_flow(problem: LinearRecurrence, n: int, balance: float) -> StepFlow:
    """The flow over T units of time that passes through the states of a Carleman recurrence.

    Arguments: problem, of one matrix and one source for all steps; n, how many coordinates have degree 1; balance, what
    the others are multiplied by, but for wanted ones.
    Result: the flow around the recurrence's fixed point, by `logarithm`: its matrix is log(M) to rounding where the source
    is zero, and near it elsewhere; its `drift` says how near it comes. m T products with M.
    Raises: NotDissipative where there is no fixed point, or no real logarithm.
    Source: `logarithm`.
    """
    matrix = problem.matrix_at(0)
    generator = logarithm(matrix, n)
    fixed = _fixed_point(problem)
    wanted = list(problem.wanted)
    rows = np.zeros((problem.z0.size, len(wanted)))
    rows[wanted, range(len(wanted))] = 1.0
    transposed = sp.csr_array(matrix.T)
    for _ in range(problem.steps):
        rows = np.asarray(transposed @ rows)
    weights = np.where(np.arange(problem.z0.size) < n, 1.0, balance)
    weights[wanted] = 1.0
    order = np.concatenate([wanted, np.setdiff1d(np.arange(problem.z0.size), wanted)]).astype(np.int64)
    scaled = sp.diags_array(weights) @ generator @ sp.diags_array(1.0 / weights)
    return StepFlow(
        matrix=sp.csr_array(sp.csr_array(scaled)[order][:, order]),
        start=(weights * (problem.z0 - fixed))[order],
        time=float(problem.steps),
        exact=(rows.T / weights)[:, order],
        offset=fixed[wanted],
        lost=np.zeros(len(wanted)),
    )


def logarithm(matrix: Matrix, n: int) -> Matrix:
    """log(M) of a matrix near its diagonal, entry by entry.

    Arguments: matrix M, sparse, (D, D), with a positive diagonal; n, how many coordinates come first: those of degree 1.
    Result: the terms of first order in all entries off the diagonal, and of second and third order in those between the
    first n coordinates and the others. Exact to rounding where those lead one way and the others are none; with a source b
    what is left is of order b^2, but b F_2^2 between the first n and the others. The entries of M and of products of
    two such blocks, no factorisation.
    Raises: NotDissipative where an entry of the diagonal is not positive.
    Source: Daleckii, Krein, on functions of perturbed operators; at order 2 without a source this is the Carleman matrix
    of `dynamics.modified.modified_field`: F_2 times (a_j + a_k - a_i) / (m_j m_k - m_i).
    """
    values = matrix.diagonal()
    check_multipliers(values, matrix)
    entries = sp.coo_array(matrix)
    rows, columns = entries.coords
    off = rows != columns
    rows, columns, data = rows[off], columns[off], entries.data[off]
    gap = (values[columns] - values[rows]) / values[rows]
    data = data * np.where(gap == 0.0, 1.0, np.log1p(gap) / np.where(gap == 0.0, 1.0, gap)) / values[rows]
    found = sp.csr_array((data, (rows, columns)), shape=matrix.shape) + sp.diags_array(np.log(values))
    up, down = sp.csr_array(matrix[:n, n:]), sp.csr_array(matrix[n:, :n])
    if up.nnz and down.nnz:
        # log(1 + x) = integral of x / (1 + t x) over t in [0, 1], whose terms in E are R E R - t R E R E R + ...
        for point, weight in zip(*roots_legendre(_POINTS), strict=True):
            t = (point + 1.0) / 2.0
            inverse = 1.0 / (1.0 + t * (values - 1.0))
            low, high = sp.diags_array(inverse[:n]), sp.diags_array(inverse[n:])
            forth, back = low @ up @ high @ down, high @ down @ low @ up
            second = sp.block_array([[forth @ low, None], [None, back @ high]])
            third = sp.block_array([[None, forth @ low @ up @ high], [back @ high @ down @ low, None]])
            found = found + (second * -t + third * t**2) * (weight / 2.0)
    return sp.csr_array(found)


def _fixed_point(problem: LinearRecurrence) -> RealArray:
    """z = M z + b, zero where b is."""
    matrix, source = problem.matrix_at(0), problem.source_at(0)
    if not source.any():
        return np.zeros(source.size)
    gaps = 1.0 - matrix.diagonal()
    safe = np.where(np.abs(gaps) > _LEAST_GAP, gaps, 1.0)
    system = sp.csr_array(sp.eye_array(source.size) - matrix)
    scaled = sp.csr_array(sp.diags_array(1.0 / safe) @ system)
    found = gmres(scaled, source / safe, rtol=_FIXED / 100, atol=0.0, restart=60, maxiter=5)[0]
    rest = float(np.linalg.norm(system @ found - source) / np.linalg.norm(source))
    if not rest <= _FIXED:
        raise NotDissipative(
            "The step has no fixed point near its centre, so no flow passes through its iterates.",
            subject=problem,
            value=rest,
            remedy="March instead, or take another Newton step for the centre.",
        )
    return np.asarray(found)


def _flow(matrix: Matrix, z: RealArray, time: float) -> RealArray:
    return np.asarray(expm_multiply(matrix * time, z, traceA=float(matrix.diagonal().sum()) * time))


def _reaching(matrix: Matrix, n: int) -> NDArray[np.bool_]:
    """Whether each coordinate is one from which the first n can be reached through entries of the matrix."""
    reached = np.zeros(matrix.shape[0], dtype=bool)
    reached[:n] = True
    pattern = abs(matrix)
    while True:
        wider = reached | (pattern.T @ reached.astype(np.float64) > 0)
        if np.array_equal(wider, reached):
            return reached
        reached = wider
