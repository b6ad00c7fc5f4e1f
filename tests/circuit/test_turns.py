"""Multiplexed rotations with open ends against dense block rotations."""

import numpy as np
import pytest

from qgd_core.circuit.circuit import CircuitBuilder
from qgd_core.circuit.counts import cost
from qgd_core.circuit.simulate import unitary
from qgd_core.circuit.turns import chained_turn, open_turn, turn


def rotation(angle):
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[c, -s], [s, c]])


def dense(angles):
    size = len(angles)
    full = np.zeros((2 * size, 2 * size))
    for i, angle in enumerate(angles):
        full[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = rotation(angle)
    return full


def built(m, angles, **ends):
    builder = CircuitBuilder("turn", m + 1)
    turn(builder, range(m), m, angles, **ends)
    return builder.build()


@pytest.mark.parametrize("m", [0, 1, 2, 3])
def test_closed_turn_is_the_multiplexed_rotation(m):
    angles = np.random.default_rng(m).normal(size=2**m)
    circuit = built(m, angles)
    np.testing.assert_allclose(unitary(circuit), dense(angles), rtol=0, atol=1e-14)
    assert cost(circuit)["ry"] == 2**m


@pytest.mark.parametrize("m", [1, 2, 3])
def test_open_ends_save_a_cz_and_are_not_seen_where_the_target_is_zero(m):
    angles = np.random.default_rng(m).normal(size=2**m)
    full = dense(angles)
    first, last = built(m, angles, before=range(m)), built(m, angles, after=range(m))
    np.testing.assert_allclose(unitary(first)[:, ::2], full[:, ::2], rtol=0, atol=1e-14)
    np.testing.assert_allclose(unitary(last)[::2], full[::2], rtol=0, atol=1e-14)
    assert cost(first)["cx"] == cost(last)["cx"] == 2**m - 1


def test_one_open_select_leaves_a_sign_of_that_select_alone():
    angles = np.random.default_rng(0).normal(size=8)
    left = unitary(built(3, angles, after=[0])) @ dense(angles).T
    sign = np.ones(16)
    sign[9::2] = -1.0
    np.testing.assert_allclose(left, np.diag(sign), rtol=0, atol=1e-13)


def test_sums_of_selects_cost_a_path_through_single_selects():
    # angle (i, j) = a (i - j): two rotations, and three CZ with one end open.
    circuit = built(2, [0.0, -0.7, 0.7, 0.0], after=[0, 1])
    assert cost(circuit)["cx"] == 3
    np.testing.assert_allclose(unitary(circuit)[::2], dense([0.0, -0.7, 0.7, 0.0])[::2], rtol=0, atol=1e-14)
    assert built(2, np.zeros(4)).ops == ()


@pytest.mark.parametrize("m", [1, 2, 3])
def test_an_open_turn_always_leaves_the_sign_of_its_first_select(m):
    sign = np.ones(2 ** (m + 1))
    sign[2**m + 1 :: 2] = -1.0
    random = np.random.default_rng(m).normal(size=2**m)
    for angles in (random, np.full(2**m, 0.3), np.zeros(2**m), random * (np.arange(2**m) % 2)):
        builder = CircuitBuilder("open", m + 1)
        open_turn(builder, range(m), m, angles)
        circuit = builder.build()
        np.testing.assert_allclose(unitary(circuit), np.diag(sign) @ dense(angles), rtol=0, atol=1e-14)
        assert cost(circuit)["cx"] <= 2**m - 1


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("m", [0, 1, 3])
def test_a_chained_turn_acts_only_where_no_previous_qubit_is_set(m, fill):
    angles = np.random.default_rng(m).normal(size=2**m)
    builder = CircuitBuilder("chained", m + 3)
    chained_turn(builder, range(m), m, angles, [m + 1, m + 2], fill=fill)
    circuit = builder.build()
    found = unitary(circuit).reshape((2**m, 2, 4, 2**m, 2, 4))[:, :, :3, :, 0, :3]
    wanted = np.zeros((2**m, 2, 3, 2**m, 3))
    for i, angle in enumerate(angles):
        wanted[i, :, 0, i, 0] = rotation(angle)[:, 0]
        wanted[i, int(fill), 1, i, 1] = wanted[i, int(fill), 2, i, 2] = 1.0
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14)
    assert cost(circuit)["cx"] == 2 * (2**m - 1) + 2
