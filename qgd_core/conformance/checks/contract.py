"""The seam itself: what is declared, counted, refused and left alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from qgd_core.backends.fitting import fit
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.circuit.counts import Counts, count
from qgd_core.circuit.lower import lower
from qgd_core.circuit.ops import GATES, MULTIPLEXED
from qgd_core.circuit.program import Program
from qgd_core.circuit.wire import from_json, to_json
from qgd_core.conformance.agreement import Case, agrees
from qgd_core.conformance.cases import measured, postselected, random_circuit
from qgd_core.conformance.subject import Subject, check, require, same_vector
from qgd_core.errors import ConfigError, QgdError, UnsupportedOperation


@check()
def declares_the_floor(subject: Subject) -> None:
    """Every backend offers amplitudes or shots, gates that reach the whole table, and at least four qubits."""
    can = subject.backend.capabilities
    require(can.statevector or can.shots, "neither statevector nor shots is declared")
    require(can.max_qubits is None or can.max_qubits >= 4, f"only {can.max_qubits} qubits are declared")
    require(isinstance(subject.backend.name, str), "the backend has no name")
    for name, kind in GATES.items():
        builder = CircuitBuilder(name, 4)
        width = 2 if kind.n_targets is None else kind.n_targets
        n_params = 2 ** (width - (name in MULTIPLEXED)) if kind.n_params is None else kind.n_params
        builder.gate(name, range(width), [0.3] * n_params, ((3, 0),))
        lower(builder.build(), can.native)


@check("gates")
def counts_equal_the_cores(subject: Subject) -> None:
    """counts() is what the core counts in the lowered circuit; global phases may be dropped."""
    for circuit in (measured(random_circuit(4, 40, subject.seed)), postselected(3, 2, subject.seed)):
        got = subject.compile(circuit).counts()
        expected = count(fit(circuit, subject.backend.capabilities))
        keys = sorted((set(got) | set(expected)) - {"gphase"})
        wrong = {k: (got.get(k, 0), expected.get(k, 0)) for k in keys if got.get(k, 0) != expected.get(k, 0)}
        require(not wrong, f"{circuit.name}: counted and expected {wrong}")
        for name in ("rotations", "t_gates"):
            pair = getattr(got, name), getattr(expected, name)
            require(pair[0] == pair[1], f"{circuit.name}: {name} {pair[0]} instead of {pair[1]}")


@check("gates")
def counts_add(subject: Subject) -> None:
    """Twice the circuit counts twice, whatever was compiled before."""
    block = random_circuit(3, 20, subject.seed)
    once, again = (_without_phase(subject.compile(block).counts()) for _ in range(2))
    twice = _without_phase(subject.compile(block.repeat(2)).counts())
    require(once == again, f"the same circuit counts {once}, then {again}")
    require(twice == {key: 2 * number for key, number in once.items()}, f"twice {once} counts {twice}")


@check()
def bad_shots_and_seeds(subject: Subject) -> None:
    """Shots and seeds that make no sense are refused with ConfigError."""
    executable = subject.compile(measured(random_circuit(2, 3, 1)))
    if not subject.backend.capabilities.shots:
        _raises(UnsupportedOperation, lambda: executable.run(10), "shots, which are not declared")
        return
    nonsense: tuple[Any, ...] = (0, -1, 2.5, "10", True)
    for shots in nonsense:
        _raises(ConfigError, partial(executable.run, shots), f"shots={shots!r}")
    _raises(ConfigError, lambda: executable.run(10, seed=-1), "seed=-1")


@check("not statevector")
def undeclared_vector_is_refused(subject: Subject) -> None:
    """A backend that does not declare statevector refuses it with UnsupportedOperation."""
    executable = subject.compile(measured(random_circuit(2, 3, 1)))
    _raises(UnsupportedOperation, executable.statevector, "statevector, which is not declared")


@check("max_qubits", "gates")
def too_many_qubits_are_refused(subject: Subject) -> None:
    """More qubits than declared are refused with UnsupportedOperation when compiling."""
    n_qubits = (subject.backend.capabilities.max_qubits or 0) + 1
    circuit = CircuitBuilder("too wide", n_qubits).build()
    _raises(UnsupportedOperation, lambda: subject.compile(circuit), f"{n_qubits} qubits")


@check()
def options_are_checked(subject: Subject) -> None:
    """An unknown option is refused with ConfigError."""
    make = subject.make
    if make is not None:
        _raises(ConfigError, lambda: make(no_such_option=1), "an unknown option")


@check("gates")
def the_input_is_left_alone(subject: Subject) -> None:
    """Compiling and running changes nothing in the program, and a result belongs to its caller."""
    circuit = measured(random_circuit(3, 20, subject.seed))
    before = to_json(circuit)
    executable = subject.compile(circuit)
    if subject.backend.capabilities.statevector:
        first = executable.statevector()
        kept = first.copy()
        with contextlib.suppress(ValueError):  # a result may also be read-only
            first[:] = 0
        same_vector(executable.statevector(), kept, "the vector asked for again")
    if subject.backend.capabilities.shots:
        executable.run(10, seed=1).counts.clear()
        again = executable.run(10, seed=1)
        require(again.accepted == 10, f"run again, {again.accepted} of 10 shots are left")
    require(to_json(circuit) == before, "the program changed")


@agrees("gates")
def executables_are_independent(subject: Subject) -> Iterator[Circuit]:
    """Two programs compiled by one backend do not disturb one another, even with equal names."""
    for seed in (5, 6, 5):
        circuit = random_circuit(3, 15, seed)
        yield Circuit("same name", circuit.n_qubits, circuit.ops)


@agrees("gates")
def stored_circuits(subject: Subject) -> Iterator[Case]:
    """A circuit written to JSON and read back runs the same."""
    circuit = postselected(3, 1, subject.seed)
    yield Case(from_json(to_json(circuit)), subject.truth(circuit))


@check("not gates")
def a_branch_is_needed(subject: Subject) -> None:
    """A backend that runs no gates refuses a program without a classical branch."""
    _raises(
        UnsupportedOperation, lambda: subject.backend.compile(Program(random_circuit(2, 3, 1))), "no branch"
    )


def _raises(kind: type[QgdError], action: Callable[[], object], what: str) -> None:
    try:
        action()
    except kind as error:
        require(bool(error.message), f"{what}: the error says nothing")
        return
    except Exception as error:  # the backend under test may raise anything
        raise AssertionError(f"{what} raised {type(error).__name__}, not {kind.__name__}: {error}") from error
    raise AssertionError(f"{what} was accepted")


def _without_phase(counts: Counts) -> dict[str, int]:
    return {key: number for key, number in counts.items() if key != "gphase" and number}
