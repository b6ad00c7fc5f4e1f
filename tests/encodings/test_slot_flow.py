"""The continuous Carleman matrix in slots against the assembled one, by simulation."""

from dataclasses import replace

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import simulate
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.encodings import slot_flow
from qgd_core.encodings.flow_bands import Bands
from qgd_core.encodings.layouts import SlotLayout
from qgd_core.encodings.slot_flow import encode_flow
from qgd_core.errors import ConfigError

SCALE = 1.3


def columns(encoding, circuit, picked):
    size = 2**encoding.n_system
    found = np.zeros((size, len(picked)), dtype=complex)
    for k, j in enumerate(picked):
        start = np.zeros(2**circuit.n_qubits, dtype=complex)
        start[j] = 1.0
        found[:, k] = encoding.alpha * simulate(circuit, start)[:size]
    return found


def with_source(field, inner):
    """The assembled matrix with the source as one more column."""
    whole = np.zeros(np.add(inner.shape, 1))
    whole[1:, 1:] = inner
    whole[1 : field.n + 1, 0] = SCALE * field.coefficient(0).toarray()[:, 0]
    return whole


def check_block(encoding, wanted):
    """The circuit and its adjoint are the matrix on supported states, and keep to them."""
    circuit, valid = encoding.circuit(), np.flatnonzero(encoding.supported)
    assert circuit.n_qubits == encoding.n_ancilla + encoding.n_system
    outside = encoding.supported == 0.0
    for block, sought in ((circuit, wanted), (circuit.adjoint(), wanted.T)):
        found = columns(encoding, block, valid)
        np.testing.assert_allclose(found[valid], sought, rtol=0, atol=1e-12 * encoding.alpha)
        assert np.abs(found[outside]).max(initial=0.0) < 1e-13 * encoding.alpha
    np.testing.assert_allclose(
        encoding.target.toarray()[np.ix_(valid, valid)], wanted, rtol=0, atol=1e-14 * encoding.alpha
    )


def test_circuit_is_the_assembled_matrix_on_supported_states_and_keeps_to_them(field, assembled):
    encoding, wanted = encode_flow(field, SCALE), assembled(field)
    check_block(encoding, wanted)
    assert encoding.alpha >= np.linalg.norm(wanted, 2) - 1e-12


def test_a_source_is_one_more_column_and_its_adjoint_too(field, assembled):
    encoding = encode_flow(field, SCALE, sourced=True)
    check_block(encoding, with_source(field, assembled(field)))
    # [second, B, first, A]: a constant, then degree 1, then degree 2.
    np.testing.assert_array_equal(encoding.supported, SlotLayout(tuple(range(field.n))).supported)
    counts, plain = cost(encoding.circuit()), cost(encode_flow(field, SCALE).circuit())
    assert counts["cx"] <= min(encoding.two_qubit, plain["cx"] + 13)
    assert counts.rotations <= encoding.rotations


def test_eight_variables_in_one_superposition(flow, assembled):
    field = flow(8, seed=3)
    encoding, rng = encode_flow(field, SCALE), np.random.default_rng(0)
    circuit, valid = encoding.circuit(), np.flatnonzero(encoding.supported)
    x = rng.normal(size=valid.size)
    start = np.zeros(2**circuit.n_qubits, dtype=complex)
    start[valid] = x / np.linalg.norm(x)
    found = encoding.alpha * simulate(circuit, start)[: 2**encoding.n_system]
    wanted = assembled(field) @ start[valid]
    np.testing.assert_allclose(found[valid], wanted, rtol=0, atol=1e-12)
    assert np.abs(found[encoding.supported == 0.0]).max(initial=0.0) < 1e-13


def test_the_order_of_a_monomial_does_not_change_what_symmetric_tensors_become(flow, assembled):
    field = flow(3, seed=4)
    square = field.coefficient(2).toarray().reshape(3, 3, 3)
    other = PolynomialField(
        {
            0: field.coefficient(0),
            1: field.coefficient(1),
            2: square.transpose(0, 2, 1).reshape(3, 9),
        }
    )
    v = np.random.default_rng(5).normal(size=3)
    z = np.concatenate([v, np.kron(v, v)])
    encoding = encode_flow(other, SCALE)
    valid = np.flatnonzero(encoding.supported)
    found = encoding.target.toarray()[np.ix_(valid, valid)] @ z
    np.testing.assert_allclose(found, assembled(other) @ z, rtol=0, atol=1e-13)


def test_controlled_circuit(assembled, flow_cases):
    encoding = encode_flow(flow_cases["two"], SCALE)
    circuit, valid = encoding.circuit(), np.flatnonzero(encoding.supported)
    for value in (0, 1):
        builder = CircuitBuilder("held", circuit.n_qubits + 1)
        flip = [0] if value else []
        for qubit in flip:
            builder.gate("x", [qubit])
        builder.call(circuit.controlled(), range(circuit.n_qubits + 1))
        for qubit in flip:
            builder.gate("x", [qubit])
        found = columns(encoding, builder.build(), valid)[valid] / encoding.alpha
        wanted = assembled(flow_cases["two"]) / encoding.alpha if value else np.eye(valid.size)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def gate_defect(encoding, wanted):
    """The worst error of a gate in front, forth and back: at 1 the matrix, at 0 the identity, what leaves included.

    With the gate at 0 and the first ancilla at 1 that ancilla must stay.
    """
    gated, size = encoding.gated(), 2**encoding.n_system
    valid, worst = np.flatnonzero(encoding.supported), 0.0
    assert gated.n_qubits == 1 + encoding.n_ancilla + encoding.n_system
    x = np.zeros(size)
    x[valid] = np.random.default_rng(7).normal(size=valid.size)
    for circuit, block in ((gated, wanted), (gated.adjoint(), wanted.T)):
        start = np.zeros((2, 2**encoding.n_ancilla, size), dtype=complex)
        start[:, 0] = x
        still, moved = simulate(circuit, start.reshape(-1)).reshape(start.shape)
        still[0] -= x
        moved[0, valid] -= block @ x[valid] / encoding.alpha
        start[:], start[0, 2 ** (encoding.n_ancilla - 1)] = 0.0, x
        lost = simulate(circuit, start.reshape(-1)).reshape(start.shape)[0, : 2 ** (encoding.n_ancilla - 1)]
        worst = max(worst, *(np.abs(part).max() for part in (still, moved[0], lost)))
    return worst


@pytest.mark.parametrize("sourced", [False, True], ids=["plain", "sourced"])
def test_a_gate_leaves_the_identity_at_a_few_gates_more(field, sourced, assembled):
    encoding = encode_flow(field, SCALE, sourced=sourced)
    wanted = with_source(field, assembled(field)) if sourced else assembled(field)
    assert gate_defect(encoding, wanted) < 1e-13
    plain, gated = cost(encoding.circuit()), cost(encoding.gated())
    assert gated.two_qubit - plain.two_qubit <= encoding.gate_extra
    assert (gated.two_qubit, gated.rotations) <= encoding.gated_cost()
    assert gated.rotations <= encoding.gated_cost()[1]


def unmoved_labels(monkeypatch):
    """Rows that expect a move although the gate is off."""
    kept = Bands.row_angles

    def forget(bands, gated=False):
        first, then = kept(bands)
        return (np.stack([first, first]), np.stack([then, then])) if gated else (first, then)

    monkeypatch.setattr(Bands, "row_angles", forget)


def ungated_shift(monkeypatch):
    def shift(plan, builder, gate, labels, move, rest):
        plan.bands.shift.ops.emit(builder, [labels[1], labels[0], *rest])

    monkeypatch.setattr(slot_flow._Plan, "_move", shift)


@pytest.mark.parametrize("plant", [unmoved_labels, ungated_shift])
def test_a_planted_gate_is_seen(plant, monkeypatch, assembled, flow_cases):
    plant(monkeypatch)
    field = flow_cases["unrelated entries"]
    assert gate_defect(encode_flow(field, SCALE), assembled(field)) > 1e-3


def reversed_linear(bands):
    return replace(bands, linear=replace(bands.linear, rows=bands.linear.rows[:, ::-1]))


def lost_sign(bands):
    return replace(bands, quadratic=replace(bands.quadratic, rows=np.abs(bands.quadratic.rows)))


def wrong_label(bands):
    return replace(bands, quadratic=replace(bands.quadratic, columns=bands.quadratic.columns[[0, 2, 1]]))


@pytest.mark.parametrize("bug", [reversed_linear, lost_sign, wrong_label])
def test_a_planted_bug_is_seen(bug, monkeypatch, assembled, flow_cases):
    field = flow_cases["four"]
    encoding = encode_flow(field, SCALE)
    read = Bands.row_angles, Bands.column_angles
    monkeypatch.setattr(Bands, "row_angles", lambda bands, gated=False: read[0](bug(bands), gated))
    monkeypatch.setattr(Bands, "column_angles", lambda bands: read[1](bug(bands)))
    valid = np.flatnonzero(encoding.supported)
    found = columns(encoding, encoding.circuit(), valid)[valid]
    assert np.abs(found - assembled(field)).max() > 1e-2


@pytest.mark.parametrize(
    ("coefficients", "scale"),
    [
        ({1: np.ones((3, 3))}, 1.0),
        ({1: np.zeros((3, 3)), 0: np.ones((3, 1))}, 1.0),
        ({1: np.eye(3), 2: np.eye(3, 9, 4)}, 1.0),
        ({1: np.eye(3), 3: np.ones((3, 27))}, 1.0),
        ({1: np.eye(3)}, 0.0),
        ({1: np.eye(3)}, np.nan),
    ],
)
def test_other_patterns_are_refused(coefficients, scale):
    with pytest.raises(ConfigError):
        encode_flow(PolynomialField(coefficients), scale)
