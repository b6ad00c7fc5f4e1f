"""`block_encode`: the table of methods and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from qgd_core.encodings.base import BlockEncoding, Matrix, padded
from qgd_core.encodings.row_column import encode_row_column
from qgd_core.encodings.svd import encode_svd
from qgd_core.errors import ConfigError, nearest


@dataclass(frozen=True)
class Method:
    """One row of the table: how to encode, whether it scales, and a sentence for people."""

    encode: Callable[[Matrix, int], BlockEncoding]
    scalable: bool
    summary: str


ENCODINGS: dict[str, Method] = {
    "row_column": Method(encode_row_column, True, "from entries: row and column states with Perron weights"),
    "svd": Method(encode_svd, False, "dense singular value dilation: a check, does not scale"),
}


def block_encode(matrix: Matrix | ArrayLike, method: str = "auto") -> BlockEncoding:
    """Block-encode a real square matrix.

    Arguments: matrix, dense or scipy.sparse, real, shape (n, n), padded with zeros to a power of two; method,
    a name of `list_encodings` or "auto": the scalable method of least alpha * (CX + 6 (ancillas - 1) + 2).
    Result: a BlockEncoding with alpha <0|U|0> = matrix within its eps.
    Raises: ConfigError for an unknown method or a matrix that is not square, real, finite and non-zero.
    Source: Gilyen, Su, Low, Wiebe, arXiv:1806.01838, definition 24; the figure of merit counts one query and
    the reflection about its ancillas.
    """
    target, n_system = padded(matrix)
    if method == "auto":
        candidates = [row.encode(target, n_system) for row in ENCODINGS.values() if row.scalable]
        return min(candidates, key=_merit)
    if method not in ENCODINGS:
        raise ConfigError(f"Unknown encoding {method!r}.", subject=method, remedy=nearest(method, ENCODINGS))
    return ENCODINGS[method].encode(target, n_system)


def list_encodings() -> list[dict[str, str | bool]]:
    """The table of methods: name, whether it scales, summary."""
    return [
        {"name": name, "scalable": row.scalable, "summary": row.summary} for name, row in ENCODINGS.items()
    ]


def _merit(encoding: BlockEncoding) -> float:
    """Cost of a query at unit subnormalisation, its reflection included."""
    return encoding.alpha * (encoding.two_qubit + 6 * (encoding.n_ancilla - 1) + 2)
