"""What a plan costs classically, in words: one phrase for each thing that is worked out of the matrix."""

from __future__ import annotations

import scipy.sparse as sp

from qgd_core.encodings.base import BlockEncoding
from qgd_core.linear.classical import DENSE

# What each method of encoding needs; D rows, n variables. A method that is not named needs the entries alone.
_METHODS = {
    "svd": "dense singular value decomposition, D^3",
    "fable": "all D^2 entries and a dense norm, D^3",
    "pauli": "Pauli coefficients, D^2 log D",
    "row_column": "Perron weights of all D^2 entries",
    "symmetric": "Perron weights of all D^2 entries",
    "sparse": "Perron weights, sparse products",
    "band": "Perron weights, sparse products",
    "slots": "a step in few directions: an eigenframe, n^3",
    "slots_cubic": "a step in few directions: an eigenframe, n^3",
}


def join(*phrases: str) -> str:
    """The phrases without repetition and empty ones, in order."""
    return "; ".join(dict.fromkeys(phrase for phrase in phrases if phrase))


def of_encodings(*encodings: BlockEncoding) -> str:
    """What the encodings need, with those they were chosen over."""
    tried = [one for encoding in encodings for one in (encoding, *encoding.losers)]
    return join(*(_METHODS.get(one.method, "the entries") for one in tried))


def of_rates(n: int) -> str:
    """What the norm of A and the largest eigenvalue of (A + A^T) / 2 need, of n rows."""
    return "singular values and eigenvalues, n^3" if n <= DENSE else "row and column sums"


def of_norms(*encodings: BlockEncoding) -> str:
    """What upper bounds on the norms of assembled steps need."""
    rows = [one.target.shape[0] for one in encodings if isinstance(one.target, sp.csr_array)]
    return join(*("singular values, D^3" if n <= DENSE else "row and column sums" for n in rows))
