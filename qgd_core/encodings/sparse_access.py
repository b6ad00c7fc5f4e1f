"""The textbook encoding from position and value oracles: uniform labels, alpha = labels * max |A|."""

from __future__ import annotations

from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.encodings.base import BlockEncoding, Matrix
from qgd_core.oracles.base import SparseOracle, from_matrix


def encode_sparse_access(matrix: Matrix, n_system: int) -> BlockEncoding:
    """Encode a stored sparse matrix through its oracles; as `from_oracle`, exact."""
    return from_oracle(from_matrix(matrix, n_system))


def from_oracle(oracle: SparseOracle, bits: int | None = None) -> BlockEncoding:
    """Encode the matrix of a sparse oracle.

    Arguments: oracle; bits of the loaded angles, or None for exact entries by multiplexed rotations.
    Result: alpha = (labels, rounded up to a power of two) * max |A|; eps 1e-13 alpha, or for rounded entries
    labels * the bound of an entry's error. The tables' qubits are restored.
    Raises: ConfigError as the oracle's tables.
    Source: Gilyen et al., arXiv:1806.01838, lemma 48, with one label register for rows and columns alike.
    """
    q, b = oracle.n_system, oracle.label_qubits
    forth, back = oracle.jump(), oracle.jump(by_row=True)
    if bits is None:
        entry, n_entry, error = oracle.entry(), 0, 0.0
    else:
        table, error = oracle.rounded_entry(bits)
        entry, n_entry = table.circuit, table.n_clean
    n_clean = max(q + max(forth.n_clean, back.n_clean), n_entry)
    n_ancilla = 1 + b + n_clean
    clean = range(1 + b, n_ancilla)
    address = [*range(1, 1 + b), *range(n_ancilla, n_ancilla + q)]
    builder = CircuitBuilder("sparse_access", n_ancilla + q)
    for k in range(1, 1 + b):
        builder.gate("h", [k])
    builder.call(entry, [*address, 0, *clean[:n_entry]])
    builder.call(forth.circuit, [*address, *clean[: q + forth.n_clean]])
    for a, s in zip(clean, range(n_ancilla, n_ancilla + q), strict=False):
        builder.gate("x", [s], (), ((a, 1),))
    builder.call(back.circuit, [*address, *clean[: q + back.n_clean]], adjoint=True)
    for k in range(1, 1 + b):
        builder.gate("h", [k])
    circuit: Circuit = builder.build()
    counts = cost(circuit)
    alpha = 2**b * oracle.largest
    return BlockEncoding(
        method="sparse_access",
        target=oracle.matrix,
        alpha=alpha,
        n_system=q,
        n_ancilla=n_ancilla,
        eps=oracle.n_labels * error + 1e-13 * alpha,
        two_qubit=counts.two_qubit,
        rotations=counts.rotations,
        build=lambda: circuit,
        restored=n_clean,
    )
