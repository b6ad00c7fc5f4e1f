"""What a backend is: what it can do, how it compiles a program, and what a compiled program answers."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from qgd_core.arrays import ComplexArray
from qgd_core.backends.bits import restrict
from qgd_core.backends.qasm import STANDARD, to_qasm
from qgd_core.circuit.circuit import Circuit
from qgd_core.circuit.counts import Counts
from qgd_core.circuit.lower import CLIFFORD_ROTATION_BASIS, lower
from qgd_core.circuit.program import Program
from qgd_core.errors import ConfigError, UnsupportedOperation


@dataclass(frozen=True)
class Capabilities:
    """What a backend declares; the core lowers to it, refuses beyond it, and the conformance suite checks it."""

    native: frozenset[str] = CLIFFORD_ROTATION_BASIS
    """Gate names taken as they are, a leading "c" per positive control; the core lowers everything else."""
    statevector: bool = True
    """Exact amplitudes can be read."""
    shots: bool = True
    """Outcomes can be sampled."""
    mid_circuit: bool = False
    """A measured qubit can be used again, and a qubit can be reset, within one run; where this is false the core
    puts measurements off to the end, and goes on with fresh qubits in place of those that are reset."""
    postselect: bool = False
    """PostSelect may stand anywhere; where this is false the core gathers all of them in a success counter."""
    gates: bool = True
    """Runs the circuit's gates; where this is false only programs with a classical branch run."""
    max_qubits: int | None = None
    """Most qubits of a lowered circuit, workspace included; None means no limit of its own."""


@dataclass(frozen=True)
class Outcomes:
    """Sampled results: how many accepted shots read each value of the bits, out of `shots` attempted.

    Keys are integers over the program's classical bits, bit 0 most significant; a shot that some PostSelect
    rejected counts in `shots` only.
    """

    counts: dict[int, int]
    shots: int

    @property
    def accepted(self) -> int:
        """How many shots passed every PostSelect."""
        return sum(self.counts.values())


class Executable(ABC):
    """A compiled program. A backend writes the three methods whose names begin with an underscore."""

    def __init__(self, program: Program, capabilities: Capabilities) -> None:
        self.program = program
        self.capabilities = capabilities

    def run(self, shots: int, seed: int | None = None) -> Outcomes:
        """Sample the program.

        Arguments: shots to attempt, at least 1; seed, not negative; None takes fresh entropy.
        Result: the accepted outcomes; the same seed gives the same ones.
        Raises: ConfigError for a bad shots or seed; UnsupportedOperation where shots are not declared.
        Source: none.
        """
        self._require("shots")
        return self._run(_at_least(shots, 1, "shots"), None if seed is None else _at_least(seed, 0, "seed"))

    def statevector(self) -> ComplexArray:
        """The final unnormalised vector, its squared norm the probability that every PostSelect accepts.

        Result: complex128, shape (2**n_qubits,) over the qubits of the program's own circuit, qubit 0 most
        significant, workspace removed, global phase kept, measurements not collapsed. On a backend that
        declares gates=False (the emulator): shape (2**n_bits,) over the classical bits.
        Raises: UnsupportedOperation where no vector is declared, or where the program resets or uses again
        a measured qubit.
        Source: none.
        """
        self._require("statevector")
        return self._statevector()

    def amplitudes(self) -> ComplexArray:
        """The amplitudes over the classical bits, every unmeasured qubit being |0>; the same on all backends.

        Result: complex128, shape (2**n_bits,), bit 0 most significant, unnormalised as statevector() is.
        Raises: as statevector; UnsupportedOperation where an unmeasured qubit is not |0> at the end, or two
        bits read one qubit, so that no such vector exists.
        Source: none.
        """
        vector = self.statevector()
        return restrict(vector, self.program.circuit) if self.capabilities.gates else vector

    def counts(self) -> Counts:
        """How many of each primitive the compiled circuit holds, in the names of the core's own counts."""
        return self._counts

    def export(self, path: str | Path) -> None:
        """Write the lowered circuit to a file as OpenQASM 3; gates that its standard library lacks are lowered to it.

        Arguments: path of the file, which is replaced; a backend may take other suffixes for its SDK's own format.
        Result: none; the circuit is exact up to rounding.
        Raises: OSError when the file cannot be written.
        Source: OpenQASM 3, arXiv 2104.14722.
        """
        Path(path).write_text(to_qasm(lower(self.lowered, frozenset(STANDARD))), encoding="utf-8")

    @property
    @abstractmethod
    def lowered(self) -> Circuit:
        """The circuit that runs, in native gates."""

    @abstractmethod
    def _run(self, shots: int, seed: int | None) -> Outcomes:
        """Sample; `shots` and `seed` are checked."""

    @abstractmethod
    def _statevector(self) -> ComplexArray:
        """The vector that statevector() promises."""

    @cached_property
    @abstractmethod
    def _counts(self) -> Counts:
        """The counts that counts() promises."""

    def _require(self, capability: str) -> None:
        if not getattr(self.capabilities, capability):
            raise UnsupportedOperation(
                f"This backend does not offer {capability}.",
                subject=self,
                remedy="Use backend=reference or another backend of `qgd backends`.",
            )


class Backend(ABC):
    """A place where programs run: a name, its declared capabilities, and compile."""

    name: ClassVar[str]
    capabilities: Capabilities

    @abstractmethod
    def compile(self, program: Program) -> Executable:
        """Translate a program; nothing runs yet.

        Arguments: program, whose circuit starts from |0...0>.
        Result: an executable that may be run any number of times, each run independent of the others.
        Raises: UnsupportedOperation when the program needs what the capabilities do not offer.
        Source: none.
        """

    def run_all(
        self, executables: Iterable[Executable], shots: int, seed: int | None = None
    ) -> list[Outcomes]:
        """Sample several programs compiled by this backend, in as few tasks as a remote target takes them in.

        Arguments: executables; shots of each, at least 1; seed, not negative; None takes fresh entropy.
        Result: the outcomes of each, in the order given; the same seed gives the same ones.
        Raises: as Executable.run.
        Source: none.
        """
        word = None if seed is None else _at_least(seed, 0, "seed")
        return self._run_all(list(executables), _at_least(shots, 1, "shots"), word)

    def _run_all(self, executables: list[Executable], shots: int, seed: int | None) -> list[Outcomes]:
        """One after another; a target that takes several programs in one task replaces this."""
        words = draw_seeds(seed, len(executables))
        return [one.run(shots, word) for one, word in zip(executables, words, strict=True)]


def draw_seeds(seed: int | None, count: int) -> list[int]:
    """Derive `count` independent 31-bit seeds from one, for SDKs that are seeded call by call."""
    return [int(word) >> 1 for word in np.random.SeedSequence(seed).generate_state(count)]


def _at_least(value: int, least: int, name: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name} is {value!r}, expected an integer.", subject=value) from None
    if isinstance(value, bool) or number < least:
        raise ConfigError(f"{name} is {value!r}, expected an integer of at least {least}.", value=number)
    return number
