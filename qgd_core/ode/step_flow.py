"""Gradient descent as a flow: the linear differential equation that passes through every iterate of a fixed step.

Around a fixed point and in the Hessian eigenframe the Carleman matrix of the modified field is the logarithm of the
step's, without one being taken: each degree's own block is diagonal, and higher degrees drive lower ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply

from qgd_core.arrays import RealArray
from qgd_core.carleman.majorant import truncation_majorant
from qgd_core.carleman.system import carleman
from qgd_core.dynamics.frame import eigenframe
from qgd_core.dynamics.modified import modified_field
from qgd_core.dynamics.monomials import IndexArray
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.stability import newton_centre
from qgd_core.errors import NotDissipative
from qgd_core.ode.base import Matrix

# Newton steps on the polynomial itself: n^3 each, no data are touched.
_NEWTON = 8
_FIXED = 1e-12
# Points in time at which couplings are weighed.
_TIMES = 17
_HALVINGS = 12


@dataclass(frozen=True, eq=False)
class StepFlow:
    """dz/dt = matrix z from `start` to time T, whose first n entries are scale * (coordinates of u in `frame`).

    u = offset + frame @ z[:n] / scale follows the iterates; `drift` bounds by how much, entry by entry of z[:n], the
    entries left out of `matrix` change the answer, and `recentred` in 2-norm what the other centre does to u.
    """

    matrix: Matrix
    start: RealArray
    time: float
    frame: RealArray
    offset: RealArray
    scale: float
    drift: float = 0.0
    recentred: float = 0.0

    @property
    def n(self) -> int:
        """The number of variables u."""
        return self.offset.size

    @property
    def radii(self) -> RealArray:
        """Upper limits on |z(T)[:n]|, entry by entry, from absolute values alone."""
        return _flow(_absolute(self.matrix), np.abs(self.start), self.time)[: self.n]

    def rows(self) -> RealArray:
        """The first n rows of exp(matrix T), shape (n, D), to rounding."""
        unit = np.eye(self.start.size)[:, : self.n]
        return np.asarray(_flow(sp.csr_array(self.matrix.T), unit, self.time)).T

    def pruned(self, limit: float) -> StepFlow:
        """The flow without the couplings that matter least, and without coordinates that reach no row any more.

        Arguments: limit, in 2-norm, on what all of them together may change z(T)[:n].
        Result: a flow whose drift is at most `limit`: a majorant with and without them is compared.
        Raises: nothing.
        Source: Duhamel's series of a triangular matrix is dominated by that of its absolute values.
        """
        entries = sp.coo_array(self.matrix)
        rows, columns = (np.asarray(index, dtype=np.int64) for index in entries.coords)
        coupled = np.flatnonzero(rows != columns)
        if not coupled.size:
            return self
        importance = self._importance(rows[coupled], columns[coupled], np.abs(entries.data[coupled]))
        order = np.argsort(importance)
        summed, whole = np.cumsum(importance[order]), self.radii
        for halving in range(_HALVINGS):
            dropped = coupled[order[summed <= limit / 2**halving]]
            kept = np.ones(entries.data.size, dtype=bool)
            kept[dropped] = False
            matrix = sp.csr_array((entries.data[kept], (rows[kept], columns[kept])), shape=self.matrix.shape)
            drift = float(
                np.linalg.norm(whole - _flow(_absolute(matrix), np.abs(self.start), self.time)[: self.n])
            )
            if drift <= limit:
                alive = _reaching(matrix, self.n)
                return replace(
                    self, matrix=sp.csr_array(matrix[alive][:, alive]), start=self.start[alive], drift=drift
                )
        return self

    def _importance(self, rows: IndexArray, columns: IndexArray, sizes: RealArray) -> RealArray:
        """What each coupling adds to the majorant of the rows, to first order."""
        absolute = _absolute(self.matrix)
        target = (np.arange(self.start.size) < self.n).astype(np.float64)
        forward = self._history(absolute, np.abs(self.start))
        backward = self._history(sp.csr_array(absolute.T), target)[::-1]
        weights = np.full(_TIMES, self.time / (_TIMES - 1))
        weights[[0, -1]] /= 2
        return np.asarray(sizes * (weights @ (backward[:, rows] * forward[:, columns])))

    def _history(self, matrix: Matrix, z: RealArray) -> RealArray:
        """exp(matrix t) z at _TIMES times from 0 to T."""
        states = [z]
        for _ in range(_TIMES - 1):
            states.append(_flow(matrix, states[-1], self.time / (_TIMES - 1)))
        return np.array(states)


def step_flow(
    field: PolynomialField, step: float, order: int, u0: RealArray, steps: int, scale: float
) -> StepFlow:
    """The flow over `steps` units of time that passes through the iterates of u + step F(u).

    Arguments: field F, polynomial, with symmetric F_1; step, eta; order, N of the Carleman system; u0 (n,), measured
    from the field's centre; steps, T; scale g of the coordinates.
    Result: the flow of the modified field up to degree N around the nearest fixed point: its matrix is log(M) of the
    discrete Carleman matrix M there. Where the field has a source, so that the centre is no fixed point,
    `recentred` bounds how far the two truncated systems differ. n^3 operations and the entries; no logarithm.
    Raises: NotDissipative when there is no fixed point near or some eta lambda reaches 1.
    Source: `modified_field`; majorants of both truncations.
    """
    local = PolynomialField({k: field.coefficient(k) for k in range(field.degree + 1)})
    size = float(np.linalg.norm(local.coefficient(0).toarray()))
    offset, recentred = np.zeros(field.n), 0.0
    centred = local
    if size:
        offset = newton_centre(local, _NEWTON)
        centred = local.shift(offset)
        rest = float(np.linalg.norm(centred.coefficient(0).toarray()))
        if not rest <= _FIXED * max(1.0, size):
            raise NotDissipative(
                "The step has no fixed point near its centre, so no flow passes through its iterates.",
                subject=field,
                value=rest,
                remedy="March instead, or take another Newton step for the centre.",
            )
    centred = PolynomialField({k: m for k, m in centred.coefficients.items() if k})
    if size:
        for one, start in ((local, u0), (centred, u0 - offset)):
            frame, turned = eigenframe(one)
            lost = truncation_majorant(carleman(turned, order, step=step), frame.T @ start, steps)
            recentred += float(np.linalg.norm(lost))
    modified = modified_field(centred, step, order)
    frame, turned = eigenframe(modified)
    diagonal = sp.diags_array(turned.coefficient(1).diagonal(), format="csr")
    clean = PolynomialField({**{k: turned.coefficient(k) for k in range(2, order + 1)}, 1: diagonal})
    system = carleman(clean * step, order, "continuous", scale=scale)
    matrix = sp.csr_array(system.matrix)
    matrix.sum_duplicates()
    return StepFlow(
        matrix=matrix,
        start=system.lift(frame.T @ (u0 - offset)),
        time=float(steps),
        frame=frame,
        offset=offset,
        scale=scale,
        recentred=recentred,
    )


def _absolute(matrix: Matrix) -> Matrix:
    """The matrix with its off-diagonal entries replaced by their absolute values."""
    diagonal = matrix.diagonal()
    return sp.csr_array(abs(matrix) + sp.diags_array(diagonal - np.abs(diagonal), format="csr"))


def _flow(matrix: Matrix, z: RealArray, time: float) -> RealArray:
    return np.asarray(expm_multiply(matrix * time, z, traceA=float(matrix.diagonal().sum()) * time))


def _reaching(matrix: Matrix, n: int) -> Sequence[int]:
    """The coordinates from which the first n can be reached through entries of the matrix."""
    reached = np.zeros(matrix.shape[0], dtype=bool)
    reached[:n] = True
    pattern = abs(matrix)
    while True:
        wider = reached | (pattern.T @ reached.astype(np.float64) > 0)
        if np.array_equal(wider, reached):
            return np.flatnonzero(reached).tolist()
        reached = wider
