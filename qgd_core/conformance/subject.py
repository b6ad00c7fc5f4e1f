"""What a check is given, and how it says what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from scipy.special import bdtr, bdtrc

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.backends.api import Backend, Executable, Outcomes
from qgd_core.backends.bits import restrict
from qgd_core.backends.reference import ReferenceBackend
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.toy import ToyBackend

EXACT = 1e-10  # of an amplitude; single precision fails it
FALSE_ALARM = 1e-6  # largest probability that an honest backend fails some check of a suite by chance
FEW_TESTS = 10  # distributions that a check of sampling compares, at most


@dataclass(frozen=True)
class Subject:
    """The backend under test, how to make it again, and the seed and shots that a check spends."""

    backend: Backend
    spec: str
    seed: int = 1
    shots: int = 40_000
    make: Callable[..., Backend] | None = None

    def truth(self, circuit: Circuit) -> ComplexArray:
        """The right vector: the dense reference's, or the toy's for the reference itself."""
        if isinstance(self.backend, ReferenceBackend):
            return ToyBackend().compile(Program(circuit)).statevector()
        return simulate(circuit)

    def compile(self, circuit: Circuit, branch: Callable[[], ComplexArray] | None = None) -> Executable:
        """The circuit on the backend; one that runs no gates gets the reference's branch where none is given."""
        if branch is None and not self.backend.capabilities.gates:
            branch = partial(_branch, circuit)
        return self.backend.compile(Program(circuit, branch))

    def run(self, circuit: Circuit, offset: int = 0) -> Outcomes:
        """The circuit sampled with the subject's shots and seed."""
        return self.compile(circuit).run(self.shots, seed=self.seed + offset)


@dataclass(frozen=True)
class Check:
    """A plain function of a subject that raises AssertionError, and the capabilities it needs; see meets."""

    name: str
    needs: tuple[str, ...]
    function: Callable[[Subject], None]

    @property
    def sentence(self) -> str:
        """What the check holds a backend to."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


CHECKS: dict[str, Check] = {}


def check(*needs: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a check; a need is a field of Capabilities, "not x", or "x or y"."""

    def register(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        CHECKS[function.__name__] = Check(function.__name__, needs, function)
        return function

    return register


def require(holds: bool, problem: str) -> None:
    """Raise AssertionError unless it holds; a plain assert would vanish under `python -O`."""
    if not holds:
        raise AssertionError(problem)


def same_vector(got: ComplexArray, expected: ComplexArray, what: str) -> None:
    """Fail unless two vectors agree to EXACT in every entry."""
    require(got.shape == expected.shape, f"{what}: {got.shape} amplitudes instead of {expected.shape}")
    require(got.dtype == np.complex128, f"{what}: amplitudes are {got.dtype}, not complex128")
    error = float(np.abs(got - expected).max())
    require(error <= EXACT, f"{what}: amplitudes are off by {error:.2e}, more than {EXACT:.0e}")


def likely(counts: Mapping[int, int], odds: RealArray, shots: int, what: str, tests: int = FEW_TESTS) -> None:
    """Fail unless no outcome, no one or two of its bits, and not the number accepted, is too unlikely.

    The exact binomial tails are compared with FALSE_ALARM shared evenly by all checks, by the `tests` of a check
    and by the events of a test, so that an honest backend fails a suite at most that often.
    """
    for key in counts:
        require(
            0 <= key < odds.size, f"{what}: outcome {key} has more than {odds.size.bit_length() - 1} bits"
        )
    seen = np.array([counts.get(key, 0) for key in range(odds.size)])
    (names, numbers), (_, shares) = events(seen), events(odds)
    shares = np.clip(shares, 0, 1)
    above = np.where(numbers > 0, bdtrc(np.maximum(numbers - 1, 0), shots, shares), 1.0)
    tails = np.minimum(above, bdtr(numbers, shots, shares))
    worst = int(np.argmin(tails))
    require(
        2 * tails[worst] * tails.size * tests * len(CHECKS) > FALSE_ALARM,
        f"{what}: {names[worst]} came {numbers[worst]} times of {shots}, expected {shots * shares[worst]:.1f}",
    )


def events(table: RealArray) -> tuple[list[str], RealArray]:
    """Names and sums of all outcomes, each of them, and every value of any one or two bits."""
    n_bits = table.size.bit_length() - 1
    cube = table.reshape((2,) * n_bits)
    names, sums = (
        ["an accepted shot", *(f"outcome {key}" for key in range(table.size))],
        [table.sum(), *table],
    )
    for some in (*combinations(range(n_bits), 1), *combinations(range(n_bits), 2)):
        part = cube.sum(axis=tuple(set(range(n_bits)) - set(some))).reshape(-1)
        names += [f"{value:0{len(some)}b} in the bits {some}" for value in range(part.size)]
        sums += [*part]
    return names, np.array(sums)


def _branch(circuit: Circuit) -> ComplexArray:
    return restrict(simulate(circuit), circuit)
