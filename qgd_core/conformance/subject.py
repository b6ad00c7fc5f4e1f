"""What a check is given, and how it says what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qgd_core.arrays import ComplexArray, RealArray
from qgd_core.backends.api import Backend, Executable, Outcomes
from qgd_core.backends.bits import restrict
from qgd_core.backends.reference import ReferenceBackend
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.program import Program
from qgd_core.circuit.simulate import simulate
from qgd_core.conformance.toy import ToyBackend

EXACT = 1e-10  # of an amplitude; single precision fails it
SIGMAS = 5.0  # of a sampled frequency


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

    def compile(self, circuit: Circuit) -> Executable:
        """The circuit on the backend; one that runs no gates gets the reference's branch."""
        branch = None if self.backend.capabilities.gates else lambda: restrict(simulate(circuit), circuit)
        return self.backend.compile(Program(circuit, branch))

    def run(self, circuit: Circuit, offset: int = 0) -> Outcomes:
        """The circuit sampled with the subject's shots and seed."""
        return self.compile(circuit).run(self.shots, seed=self.seed + offset)


@dataclass(frozen=True)
class Check:
    """A plain function of a subject that raises AssertionError, and the capabilities it needs."""

    name: str
    needs: tuple[str, ...]
    function: Callable[[Subject], None]

    @property
    def sentence(self) -> str:
        """What the check holds a backend to."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


CHECKS: dict[str, Check] = {}


def check(*needs: str) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a check; a need is a field of Capabilities, "not x" meaning that x is not declared."""

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


def same_as_reference(subject: Subject, circuit: Circuit) -> None:
    """Fail unless the backend's vector is the right one."""
    same_vector(subject.compile(circuit).statevector(), subject.truth(circuit), circuit.name)


def likely(counts: Mapping[int, int], odds: RealArray, shots: int, what: str) -> None:
    """Fail unless every outcome, and the number accepted, is within SIGMAS of its expectation."""
    for key in counts:
        require(
            0 <= key < odds.size, f"{what}: outcome {key} has more than {odds.size.bit_length() - 1} bits"
        )
        require(odds[key] > 1e-12, f"{what}: outcome {key} cannot happen, but did {counts[key]} times")
    seen = np.array([counts.get(key, 0) for key in range(odds.size)] + [sum(counts.values())])
    share = np.append(odds, odds.sum())
    # Half a count of slack keeps outcomes that are certain, or impossible to rounding, from dividing by zero.
    sigmas = np.abs(seen - shots * share) / (np.sqrt(shots * np.abs(share * (1 - share))) + 0.5)
    worst = int(np.argmax(sigmas))
    label = "the number accepted" if worst == odds.size else f"outcome {worst}"
    require(
        sigmas[worst] < SIGMAS,
        f"{what}: {label} came {seen[worst]} times, expected {shots * share[worst]:.0f}",
    )
