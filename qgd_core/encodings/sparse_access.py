"""The textbook encoding from position and value oracles: uniform labels, alpha = labels * max |A|."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings.base import Action, BlockEncoding, Entries, Matrix
from qgd_core.oracles.base import SparseOracle, from_matrix
from qgd_core.oracles.data import Table

_ASSEMBLED = 16


def encode_sparse_access(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a stored sparse matrix through its oracles; as `from_oracle`, exact."""
    return from_oracle(from_matrix(matrix, n_system))


def from_oracle(oracle: SparseOracle, bits: int | None = None) -> BlockEncoding:
    """Encode the matrix of a sparse oracle.

    Arguments: oracle; bits of the loaded angles, or None for exact entries by multiplexed rotations.
    Result: alpha = (labels, rounded up to a power of two) * max |A|; eps 1e-13 alpha, or for rounded and computed entries
    labels * the bound of an entry's error. The tables' qubits are restored.
    Raises: ConfigError as the oracle's tables.
    Source: Gilyen et al., arXiv:1806.01838, lemma 48, with one label register for rows and columns alike.
    """
    q, b = oracle.n_system, oracle.label_qubits
    entry, error = (oracle.entry(), oracle.error) if bits is None else oracle.rounded_entry(bits)
    place = oracle.formula.place() if oracle.formula else _place(oracle)
    n_clean = max(place.n_clean, entry.n_clean)
    n_entry, n_projected = oracle.n_entry, oracle.n_entry + b
    n_ancilla = n_projected + n_clean
    labels, clean = range(n_entry, n_projected), range(n_projected, n_ancilla)
    address = [*labels, *range(n_ancilla, n_ancilla + q)]
    builder = CircuitBuilder("sparse_access", n_ancilla + q)
    for k in labels:
        builder.gate("h", [k])
    builder.call(entry.circuit, [*address, *range(n_entry), *clean[: entry.n_clean]])
    builder.call(place.circuit, [*address, *clean[: place.n_clean]])
    for k in labels:
        builder.gate("h", [k])
    circuit: Circuit = builder.build()
    counts = cost(circuit)
    alpha = 2**b * oracle.largest
    return BlockEncoding(
        method="sparse_access",
        target=_action(oracle),
        alpha=alpha,
        n_system=q,
        n_ancilla=n_ancilla,
        eps=oracle.n_labels * error + 1e-13 * alpha,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        build=lambda: circuit,
        restored=n_clean,
    )


def _place(oracle: SparseOracle) -> Table:
    """Move the column to its row: load the jump, add it, unload it from the row's side."""
    forth, back = oracle.jump(), oracle.jump(by_row=True)
    q, m = oracle.n_system, oracle.label_qubits + oracle.n_system
    n_clean = q + max(forth.n_clean, back.n_clean)
    builder = CircuitBuilder("place", m + n_clean)
    builder.call(forth.circuit, range(m + q + forth.n_clean))
    for a, s in zip(range(m, m + q), range(oracle.label_qubits, m), strict=True):
        builder.gate("x", [s], (), ((a, 1),))
    builder.call(back.circuit, range(m + q + back.n_clean), adjoint=True)
    return Table(builder.build(), n_clean)


def _action(oracle: SparseOracle) -> Action:
    """The matrix, or past 2**16 rows an operator that computes rows and entries as it goes."""
    if oracle.n_system <= _ASSEMBLED:
        return oracle.matrix
    n = 2**oracle.n_system
    dtype = np.result_type(np.float64, oracle.formula.values if oracle.formula else np.complex128)

    def apply(x: Entries, *, back: bool) -> Entries:
        column = np.arange(n)
        total = np.zeros(x.shape, np.result_type(x, dtype))
        for label in range(oracle.n_labels):
            row, value = (find(np.full(n, label), column) for find in (oracle.row, oracle.value))
            if back:
                total += np.conj(value) * x[row]
            else:
                total[row] += value * x
        return total

    return LinearOperator(
        (n, n),
        matvec=lambda x: apply(x.reshape(-1), back=False),
        rmatvec=lambda x: apply(x.reshape(-1), back=True),
        dtype=dtype,
    )
