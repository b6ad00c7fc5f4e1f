"""Every solver of the table on large sparse problems: planned and emulated in a few vectors, nothing dense in between.

A register of 2^q states takes 2^q numbers; the matrix of a tridiagonal problem is five of them with its indices, and a
table of all its diagonals one for each. A dense matrix would be thousands.
"""

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from qgd_core.encodings import action, slot_history, trapezoid_history
from qgd_core.encodings.choose import block_encode
from qgd_core.encodings.slot_history import encode_history
from qgd_core.encodings.trapezoid_history import encode_trapezoid
from qgd_core.planner.solvers import SOLVERS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from emulation import MADE, problem_of, truth_of

# mask_lchs takes another problem: one gradient step over and over.
NAMES = sorted(set(SOLVERS) - {"mask_lchs"})
# Vectors of the register, or of one block of it for histories, that planning and emulation may take at most: the matrix,
# its copies and tables, with more diagonals for Taylor steps; seven of the whole history where it is applied block by
# block. Where it is small enough for Lanczos' method, twice as many blocks are tried, each with eighty vectors and a copy.
FLAT, TAYLOR, APPLIED, ASSEMBLED = 72, 100, 8, 400
SIZE = 5_000


def measured(make):
    """What a call returns, and the most bytes it held."""
    tracemalloc.start()
    try:
        found = make()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def holds(name, size):
    """Plan and emulate: the answer against the classical one, the memory against the register."""
    problem = problem_of(SOLVERS[name].problem, size)
    plan, planned = measured(lambda: MADE.get(name, SOLVERS[name].make_plan)(problem, 1e-2))
    found, emulated = measured(plan.emulate)
    shares = plan.error_budget
    error = np.linalg.norm(found.value - truth_of(problem))
    assert error <= (shares.total - shares.shots) * problem.unit + 1e-9
    assert plan.success_probability <= found.accepted + 1e-12
    blocks, vector = int(plan.parameters.get("blocks", 1)), 8 * 2 ** size.bit_length()
    flat = TAYLOR if name.startswith("taylor") else FLAT
    allowed = flat + (ASSEMBLED if size == SIZE else APPLIED) * blocks
    assert max(planned, emulated) <= allowed * vector
    return plan


# Lanczos' method on Euler's many blocks takes a quarter of a minute.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "euler_kernel")) for name in NAMES]
)
def test_thousands_of_unknowns(name):
    plan = holds(name, SIZE)
    assert plan.qubits >= SIZE.bit_length()


@pytest.mark.parametrize(
    ("together", "strip"),
    [(1, 8), (24, 8), (1 << 22, 8), (1, 3)],
    ids=["row by row", "three rows", "all rows", "strips"],
)
@pytest.mark.parametrize("rule", ["history", "trapezoid"])
def test_blocks_are_applied_as_they_would_be_assembled(rule, together, strip, monkeypatch):
    rng = np.random.default_rng(4)
    step = block_encode(rng.normal(size=(8, 8)))

    def target():
        if rule == "history":
            return encode_history(step, 3, 1).target
        return encode_trapezoid(step, 0.3, 3, 1).target

    expected = target().toarray()
    monkeypatch.setattr(slot_history, "_MOST_ASSEMBLED", 0)
    monkeypatch.setattr(trapezoid_history, "_ASSEMBLED", 0)
    monkeypatch.setattr(action, "_TOGETHER", together)
    monkeypatch.setattr(action, "_STRIP", strip)
    applied = target()
    np.testing.assert_allclose(applied @ np.eye(64), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(applied.H @ np.eye(64), expected.T, rtol=0, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"history_hhl"}))
def test_a_million_unknowns(name):
    holds(name, 1_000_000)
