"""What every block encoding is: a circuit whose upper left block is a matrix over alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counts import Counts, cost
from qgd_core.errors import ConfigError
from qgd_core.phases.chebyshev import Chebyshev

Matrix = sp.csr_array
_SMALLEST, _LARGEST = 1e-290, 1e290
# A CSR array, or a LinearOperator where the matrix is too large to assemble.
Action: TypeAlias = Any
Entries: TypeAlias = NDArray[Any]  # float64 or complex128


@dataclass(frozen=True, eq=False)
class BlockEncoding:
    """A unitary U with alpha (<0| x I) U (|0> x I) = `target` within `eps` in the 2-norm.

    The ancillas (`n_ancilla` qubits, first) start and are post-selected in |0>; `restored` of them return
    there by themselves. The system register has `n_system` qubits. `two_qubit` and `rotations` bound the
    lowered gate counts from above and are known before the circuit is built. `target` (shape 2**n_system
    square) is the classical action.
    """

    method: str
    target: Action
    alpha: float
    n_system: int
    n_ancilla: int
    eps: float
    two_qubit: int
    rotations: int
    build: Callable[[], Circuit]
    restored: int = 0
    losers: tuple[BlockEncoding, ...] = ()

    @property
    def merit(self) -> float:
        """Cost of a query at unit subnormalisation: alpha * (CX + 6 (projected ancillas - 1) + 2)."""
        projected = self.n_ancilla - self.restored
        return self.alpha * (self.two_qubit + max(0, 6 * (projected - 1) + 2))

    def circuit(self) -> Circuit:
        """The circuit, built once."""
        return self._circuit

    def matrix(self) -> Action:
        """The matrix it encodes, padded to the register."""
        return self.target

    def cost(self) -> Counts:
        """Exact counts of the circuit lowered to CX, Clifford, T and rotations."""
        return cost(self.circuit())

    def adjoint(self) -> BlockEncoding:
        """The encoding of the conjugate transpose, at the same cost."""
        # What a subclass knows of its own circuit does not hold for the adjoint.
        own: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(BlockEncoding)}
        turned = {"target": transposed(self.target), "build": lambda: self.circuit().adjoint()}
        return BlockEncoding(**{**own, **turned})

    def controlled(self, values: Sequence[int] = (1,)) -> Circuit:
        """The circuit under new control qubits, placed first, each with the value it must hold."""
        return self.circuit().controlled(values)

    def __mul__(self, factor: complex) -> BlockEncoding:
        from qgd_core.encodings.algebra import scaled

        return scaled(self, complex(factor))

    __rmul__ = __mul__

    def __neg__(self) -> BlockEncoding:
        return self * -1.0

    def __add__(self, other: BlockEncoding) -> BlockEncoding:
        from qgd_core.encodings.algebra import combine

        return combine([self, other], [1.0, 1.0])

    def __sub__(self, other: BlockEncoding) -> BlockEncoding:
        from qgd_core.encodings.algebra import combine

        return combine([self, other], [1.0, -1.0])

    def __matmul__(self, other: BlockEncoding) -> BlockEncoding:
        from qgd_core.encodings.algebra import product

        return product(self, other)

    def kron(self, other: BlockEncoding) -> BlockEncoding:
        """The encoding of the Kronecker product, this register first."""
        from qgd_core.encodings.algebra import kron

        return kron(self, other)

    def kron_sum(self, other: BlockEncoding) -> BlockEncoding:
        """The encoding of A (x) I + I (x) B."""
        from qgd_core.encodings.algebra import kron_sum

        return kron_sum(self, other)

    def polynomial(self, polynomial: Chebyshev) -> BlockEncoding:
        """The encoding of polynomial(A / alpha), real and even or odd: see `encodings.polynomial.transform`."""
        from qgd_core.encodings.polynomial import transform

        return transform(self, polynomial)

    def explain(self) -> str:
        """A table of this encoding and of those it was chosen over: alpha, CX, ancillas and figure of merit."""
        rows = [f"{'method':<16}{'alpha':>12}{'CX':>10}{'ancillas':>10}{'merit':>14}"]
        for one in (self, *self.losers):
            figures = f"{one.alpha:>12.6g}{one.two_qubit:>10}{one.n_ancilla:>10}{one.merit:>14.6g}"
            rows.append(f"{one.method:<16}{figures}{'  chosen' if one is self else ''}")
        return "\n".join(rows)

    @cached_property
    def _circuit(self) -> Circuit:
        return self.build()


def padded(matrix: Matrix | ArrayLike) -> tuple[Matrix, int]:
    """Check a square matrix and pad it with zeros to the next power of two.

    Arguments: matrix, dense or sparse, real or complex, shape (n, n).
    Result: (CSR of shape (2**q, 2**q), q) with q >= 1, exact.
    Raises: ConfigError when it is not square, not numeric, not finite, empty, all zero, or its largest entry is not
    between 1e-290 and 1e290.
    Source: none.
    """
    try:
        given = sp.csr_array(matrix if sp.issparse(matrix) else np.atleast_2d(_numbers(matrix)))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"The matrix to encode is not a table of numbers: {error}.", subject=matrix
        ) from error
    rows, columns = given.shape
    if rows != columns or rows == 0:
        raise ConfigError(f"A block encoding needs a square matrix, got shape {given.shape}.", subject=matrix)
    if not np.isfinite(given.data).all():
        raise ConfigError("The matrix to encode has NaN or infinite entries.", subject=matrix)
    if not np.any(given.data):
        raise ConfigError("The matrix to encode is all zero.", subject=matrix)
    largest = float(np.abs(given.data).max())
    if not _SMALLEST < largest < _LARGEST:
        raise ConfigError(
            f"The largest entry is {largest:.3g} in magnitude: sums or products of entries would leave float64.",
            subject=matrix,
            value=largest,
            remedy="Scale the matrix, and its encoding back by a factor.",
        )
    q = max(1, (rows - 1).bit_length())
    # A complex matrix without imaginary part is real.
    real = not np.iscomplexobj(given.data) or not np.any(given.data.imag)
    coo = sp.coo_array(given.real.astype(np.float64) if real else given.astype(np.complex128))
    whole = sp.csr_array((coo.data, coo.coords), shape=(2**q, 2**q))
    whole.eliminate_zeros()
    return whole, q


def _numbers(values: Any) -> NDArray[Any]:
    """An array of numbers; integers too large for 64 bits become floats."""
    array: NDArray[Any] = np.asarray(values)
    return array if array.dtype.kind in "biufc" else array.astype(np.float64)


def dense(matrix: Matrix) -> Entries:
    """The matrix as a float64 or complex128 array."""
    return np.asarray(matrix.toarray())


def units(entries: Entries) -> Entries:
    """Signs of real entries, exp(i argument) of complex ones; 1 where an entry is zero."""
    if np.iscomplexobj(entries):
        return np.exp(1j * np.angle(entries))
    return np.where(entries < 0, -1.0, 1.0)


def transposed(action: Action) -> Action:
    """The conjugate transpose of a CSR array or a LinearOperator."""
    return action.H if isinstance(action, LinearOperator) else sp.csr_array(action.conj().T)
