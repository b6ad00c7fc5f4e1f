"""From rotations to Clifford+T at a stated error, block by block, and the depth in T of what comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from qiskit import QuantumCircuit
from qiskit.synthesis import gridsynth_rz

from qgd_core.plugin import (
    CLIFFORD_ROTATION_BASIS,
    Call,
    Circuit,
    ConfigError,
    Gate,
    PrecisionUnreachable,
    count,
)

NATIVE = CLIFFORD_ROTATION_BASIS - {"rx", "ry", "phase"}
FINEST = 1e-13  # error of one rotation that double precision can still tell
_EIGHTHS = ((), ("t",), ("s",), ("s", "t"), ("z",), ("z", "t"), ("sdg",), ("tdg",))


@dataclass(frozen=True)
class CliffordTOptions:
    """Options of `qiskit:clifford_t`."""

    synthesis_error: float = 1e-6
    """Error of the whole circuit in the operator norm, shared equally by its rotations."""

    def __post_init__(self) -> None:
        if not 0 < self.synthesis_error < 1:
            raise ConfigError("synthesis_error must lie between 0 and 1.", value=self.synthesis_error)


def synthesise(circuit: Circuit, error: float) -> Circuit:
    """Write a tree in Clifford gates, T and CX.

    Arguments: circuit, lowered to NATIVE, so that its rotations are all about z; error, of the whole.
    Result: the same tree with every rotation replaced, each distinct block once; within `error` of `circuit` in
    the operator norm, global phase included. A multiple of pi/4, to 1e-12, takes at most one T.
    Raises: PrecisionUnreachable when the share of one rotation is below FINEST.
    Source: Ross and Selinger, arXiv 1403.2975.
    """
    rotations = count(circuit).rotations
    share = error / max(1, rotations)
    if share < FINEST:
        raise PrecisionUnreachable(
            f"Each of {rotations} rotations would have to be synthesised to {share:.1e}.",
            subject=circuit,
            value=rotations * FINEST,
            remedy=f"Use a synthesis_error of at least {rotations * FINEST:.1e}.",
        )
    done: dict[Circuit, Circuit] = {}

    def block(old: Circuit) -> Circuit:
        if old not in done:
            ops = []
            for op in old.ops:
                if isinstance(op, Gate) and op.name == "rz":
                    names, phase = rotation(op.params[0], share)
                    ops += [Gate(name, op.targets) for name in names]
                    ops.append(Gate("gphase", (), (phase,)))
                else:
                    ops.append(replace(op, circuit=block(op.circuit)) if isinstance(op, Call) else op)
            done[old] = Circuit(old.name, old.n_qubits, tuple(ops), old.n_bits)
        return done[old]

    return block(circuit)


@lru_cache(maxsize=100_000)
def rotation(angle: float, error: float) -> tuple[tuple[str, ...], float]:
    """A rotation about z in Clifford+T.

    Arguments: angle, radians; error, in the operator norm.
    Result: the names of the gates in the order they act, and the global phase.
    Raises: nothing.
    Source: Ross and Selinger, arXiv 1403.2975.
    """
    # Asked for a coarse error first, gridsynth_rz goes on losing digits of large angles; a full turn is the phase pi.
    rest = math.remainder(angle, math.tau)
    turned = math.pi * round((angle - rest) / math.tau)
    eighth = round(rest / (math.pi / 4))
    if abs(rest - eighth * math.pi / 4) < 1e-12:
        return _EIGHTHS[eighth % 8], turned - eighth * math.pi / 8
    found = gridsynth_rz(rest, error)
    return tuple(instruction.operation.name for instruction in found.data), turned + float(found.global_phase)


def t_depth(circuit: QuantumCircuit) -> int:
    """How many T gates, at most, follow one another on a path through the circuit."""
    return int(circuit.depth(lambda instruction: instruction.operation.name in ("t", "tdg")))
