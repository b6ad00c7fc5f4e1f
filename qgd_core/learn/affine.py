"""The affine part of a gradient flow, matrix-free: Hessian-vector products at any number of active weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from qgd_core.arrays import RealArray, real_vector
from qgd_core.errors import PrecisionUnreachable
from qgd_core.learn.active import ActiveSet
from qgd_core.learn.curvature import HessianOperator, as_batches
from qgd_core.learn.expand import restrict


class AffineField:
    """The field F_0 + F_1 u of minus the gradient, around where a model is now; no matrix is formed.

    Arguments: model, loss, data, active and options as in HessianOperator.
    Result: `offset` is F_0 (n,), `linear` is F_1 as a symmetric LinearOperator (n, n), u = w - centre; one product costs
    about three gradients. Memory is that of HessianOperator and a few vectors of length n.
    Raises: as HessianOperator.
    Source: arXiv 2303.03428, Eq 4, at order 1; Hessian-vector products by Pearlmutter (1994).
    """

    def __init__(
        self, model: nn.Module, loss: Any, data: Any, active: ActiveSet | None = None, **options: Any
    ) -> None:
        self._hessian = HessianOperator(model, loss, data, active, **options)
        self.centre: RealArray = self._hessian.active.gather(model)
        n = len(self._hessian)
        self.linear = LinearOperator((n, n), matvec=self._multiply, rmatvec=self._multiply, dtype=np.float64)
        self.offset: RealArray = -_gradient(model, loss, as_batches(data), self._hessian.active)

    @property
    def n(self) -> int:
        """The number of active weights."""
        return self.centre.size

    def __call__(self, u: ArrayLike) -> RealArray:
        """Return F_0 + F_1 u for u of shape (n,)."""
        return np.asarray(self.offset + self.linear @ real_vector(u, "u", self.n))

    def log_norm(self, tolerance: float = 1e-6) -> float:
        """Return the largest eigenvalue of F_1: below 0, the flow is dissipative to first order.

        Arguments: tolerance, relative, of the eigenvalue.
        Result: the log-norm of F_1, which is also that of the Carleman matrix at order 1.
        Raises: PrecisionUnreachable when Lanczos does not settle in 10 n iterations.
        Source: Lanczos' method with implicit restarts (ARPACK).
        """
        if self.n < 3:
            dense = np.column_stack([self.linear @ unit for unit in np.eye(self.n)])
            return float(np.linalg.eigvalsh((dense + dense.T) / 2)[-1])
        start = np.random.default_rng(0).normal(size=self.n)
        try:
            values = eigsh(self.linear, 1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
        except ArpackNoConvergence as error:
            raise PrecisionUnreachable(
                f"The largest eigenvalue of F_1 did not settle to a relative {tolerance:.0e}.",
                value=tolerance,
                remedy="Ask for a coarser tolerance.",
            ) from error
        return float(values[0])

    def _multiply(self, vector: RealArray) -> RealArray:
        tensor = torch.from_numpy(np.ascontiguousarray(vector, dtype=np.float64).reshape(-1))
        return -self._hessian(tensor.to(self._hessian.device)).cpu().numpy()


def _gradient(model: nn.Module, loss: Any, batches: Iterable[Any], active: ActiveSet) -> RealArray:
    """The gradient of the objective's mean over the samples of all batches, in float64, shape (n,)."""
    total, samples = np.zeros(len(active)), 0
    for batch in batches:
        size = len(next(leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)))
        point = torch.from_numpy(active.gather(model)).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(restrict(model, loss, batch, active)(point), point)
        total, samples = total + size * slope.numpy(), samples + size
    return total / samples
