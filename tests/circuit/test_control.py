from __future__ import annotations

import numpy as np
import pytest

from qgd_core.circuit.circuit import Call, Circuit, CircuitBuilder
from qgd_core.circuit.control import join, spared, toffoli, undo
from qgd_core.circuit.ops import Gate
from qgd_core.circuit.simulate import unitary

ROUNDING = 1e-12


@pytest.mark.parametrize("native", [frozenset({"cx"}), frozenset({"cx", "ccx"})])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_join_computes_the_and_up_to_a_phase_that_undoing_removes(k, native):
    gates, held = join(range(k), k, native)
    n = 2 * k - 1
    for word in range(2**k):
        column = unitary(Circuit("join", n, tuple(gates)))[:, word << (k - 1)]
        (image,) = np.flatnonzero(np.abs(column) > ROUNDING)
        assert image >> (k - 1) == word
        assert (image >> (n - 1 - held)) & 1 == (word == 2**k - 1)
        assert abs(abs(column[image]) - 1) < ROUNDING
    both = unitary(Circuit("both", n, (*gates, *undo(gates))))
    np.testing.assert_allclose(both, np.eye(2**n), rtol=0, atol=ROUNDING)


def test_toffoli_is_exact():
    expected = np.eye(8)[[0, 1, 2, 3, 4, 5, 7, 6]]
    np.testing.assert_allclose(
        unitary(Circuit("t", 3, tuple(toffoli(0, 1, 2)))), expected, rtol=0, atol=ROUNDING
    )


A, B = (CircuitBuilder(name, 2).build() for name in "AB")


def h(q):
    return Gate("h", (q,))


def use(block, adjoint=False):
    return Call(block, (0, 1), adjoint=adjoint)


RZ = Gate("rz", (0,), (0.2,))
WORDS = {
    "frame": ([h(0), RZ, h(0)], {0, 2}),
    "adjoint gate": ([Gate("s", (0,)), RZ, Gate("sdg", (0,))], {0, 2}),
    "same gate twice, not inverse": ([Gate("s", (0,)), RZ, Gate("s", (0,))], set()),
    "layers on different qubits": ([h(0), h(1), RZ, h(0), h(1)], {0, 1, 3, 4}),
    "signal processing": ([use(A), RZ, use(A, True), RZ, use(A), RZ, use(A, True)], {0, 2, 4, 6}),
    "odd length": ([use(A), RZ, use(A, True), RZ, use(A)], {0, 2}),
    "nested": ([use(A), use(B), RZ, use(B, True), use(A, True)], {0, 1, 3, 4}),
    "crossed": ([use(A), use(B), RZ, use(A, True), use(B, True)], {0, 3}),
    "gates give way to calls": ([h(0), use(A), h(0), RZ, use(A, True)], {1, 4}),
    "gates inside and outside calls": (
        [h(0), use(A), h(1), RZ, h(1), use(A, True), h(0)],
        {0, 1, 2, 4, 5, 6},
    ),
    "a dropped op stays controlled": ([h(1), Gate("swap", (0, 1)), h(1), Gate("swap", (0, 1))], {0, 2}),
}


@pytest.mark.parametrize("case", WORDS)
def test_ops_that_cancel_need_no_control(case):
    ops, expected = WORDS[case]
    assert spared(ops) == expected


@pytest.mark.parametrize("seed", range(30))
def test_what_is_spared_cancels(seed):
    rng = np.random.default_rng(seed)
    names = [("h", ()), ("s", ()), ("sdg", ()), ("x", ()), ("ry", (0.3,)), ("ry", (-0.3,))]
    blocks = []
    for name in "ab":
        builder = CircuitBuilder(name, 2)
        builder.gate("ry", [0], [rng.normal()], [(1, 1)])
        blocks.append(builder.build())
    ops = []
    for _ in range(30):
        qubits = [int(q) for q in rng.permutation(3)]
        if rng.random() < 0.4:
            ops.append(Call(blocks[rng.integers(2)], tuple(qubits[:2]), adjoint=bool(rng.integers(2))))
        else:
            name, params = names[rng.integers(len(names))]
            ops.append(Gate(name, (qubits[0],), params, ((qubits[1], 0),) * int(rng.random() < 0.2)))
    kept = tuple(ops[i] for i in sorted(spared(ops)))
    assert kept
    np.testing.assert_allclose(unitary(Circuit("kept", 3, kept)), np.eye(8), rtol=0, atol=ROUNDING)
