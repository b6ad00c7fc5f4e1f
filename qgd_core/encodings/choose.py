"""`block_encode`: the table of methods and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from qgd_core.encodings.band import encode_band, n_diagonals
from qgd_core.encodings.base import BlockEncoding, Matrix, padded
from qgd_core.encodings.fable import encode_fable
from qgd_core.encodings.pauli import encode_pauli
from qgd_core.encodings.row_column import encode_row_column
from qgd_core.encodings.sparse import degree, encode_sparse
from qgd_core.encodings.sparse_access import encode_sparse_access
from qgd_core.encodings.svd import encode_svd
from qgd_core.encodings.symmetric import encode_symmetric, is_symmetric
from qgd_core.encodings.toeplitz import constant_diagonals, encode_toeplitz
from qgd_core.errors import ConfigError, nearest

_DENSE = 5  # qubits up to which methods that do not scale are costed for comparison
_PAIR = 8  # and up to which 4**n_system entries are worth a register pair
_COLOURED = 16  # and up to which colours are costed beside few diagonals, which cost less


@dataclass(frozen=True)
class Method:
    """One row of the table: how to encode, whether it scales, when the automatic choice tries it."""

    encode: Callable[[Matrix, int], BlockEncoding]
    scalable: bool
    suits: Callable[[Matrix, int], bool]
    summary: str


def _few_diagonals(matrix: Matrix, n_system: int) -> bool:
    return n_diagonals(matrix) <= 2 * n_system + 1


def _sparse(matrix: Matrix, n_system: int) -> bool:
    return bool((n_system + 1) * degree(matrix) < 2**n_system)


def _small(matrix: Matrix, n_system: int) -> bool:
    return n_system <= _DENSE


ENCODINGS: dict[str, Method] = {
    "toeplitz": Method(
        encode_toeplitz,
        True,
        lambda matrix, n_system: _few_diagonals(matrix, n_system) and constant_diagonals(matrix) is not None,
        "constant diagonals: labels and an adder, logarithmic in the size",
    ),
    "band": Method(encode_band, True, _few_diagonals, "few diagonals: one-hot labels and an adder"),
    "row_column": Method(
        encode_row_column,
        True,
        lambda matrix, n_system: (
            n_system <= _PAIR or not (_few_diagonals(matrix, n_system) or _sparse(matrix, n_system))
        ),
        "any entries: row and column states with Perron weights",
    ),
    "symmetric": Method(
        encode_symmetric,
        True,
        lambda matrix, n_system: n_system <= _PAIR and is_symmetric(matrix),
        "symmetric or Hermitian with diagonal >= 0: the register pair with one block, cheap to control",
    ),
    "sparse": Method(
        encode_sparse,
        True,
        lambda matrix, n_system: (
            _sparse(matrix, n_system) and (n_system <= _COLOURED or not _few_diagonals(matrix, n_system))
        ),
        "sparse without structure: edge colours and loaded permutations",
    ),
    "sparse_access": Method(
        encode_sparse_access,
        True,
        _small,
        "position and value oracles: the textbook route, alpha is the sparsity times the largest entry",
    ),
    "pauli": Method(encode_pauli, False, _small, "Pauli strings with a SELECT of CX and CZ: does not scale"),
    "fable": Method(encode_fable, False, _small, "one rotation an entry, compressible: does not scale"),
    "svd": Method(
        encode_svd,
        False,
        _small,
        "dense singular value dilation: a check, does not scale",
    ),
}


def block_encode(matrix: Matrix | ArrayLike, method: str = "auto") -> BlockEncoding:
    """Block-encode a square matrix.

    Arguments: matrix, dense or scipy.sparse, real or complex, shape (n, n), padded with zeros to a power of two; method,
    a name of `list_encodings` or "auto": of the scalable methods that suit the matrix, the one of least
    alpha * (CX + 6 (ancillas - 1) + 2). The others are kept as `losers`, and `explain()` shows their figures.
    Result: a BlockEncoding with alpha <0|U|0> = matrix within its eps.
    Raises: ConfigError for an unknown method, one that does not suit the matrix, or a matrix that is not
    square, finite and non-zero.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, definition 24; the figure of merit counts one query and
    the reflection about its ancillas.
    """
    if method != "auto" and method not in ENCODINGS:
        remedy = nearest(str(method), ENCODINGS)
        raise ConfigError(f"Unknown encoding {method!r}.", subject=method, remedy=remedy)
    target, n_system = padded(matrix)
    # A large one is not kept beside its copy.
    del matrix
    if method != "auto":
        return ENCODINGS[method].encode(target, n_system)
    candidates = [row.encode(target, n_system) for row in ENCODINGS.values() if row.suits(target, n_system)]
    candidates.sort(key=lambda one: (not ENCODINGS[one.method].scalable, one.merit))
    return replace(candidates[0], losers=tuple(candidates[1:]))


def list_encodings() -> list[dict[str, str | bool]]:
    """The table of methods: name, whether it scales, summary."""
    return [
        {"name": name, "scalable": row.scalable, "summary": row.summary} for name, row in ENCODINGS.items()
    ]
