"""HHL, a baseline: phase estimation, a rotation by the inverse of the estimate, and the estimation undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.signal import fftconvolve

from qgd_core.arrays import RealArray
from qgd_core.budget import check_share, easier, least_error
from qgd_core.circuit.circuit import Circuit, CircuitBuilder
from qgd_core.encodings.base import BlockEncoding
from qgd_core.errors import PrecisionUnreachable
from qgd_core.linear.base import Plan
from qgd_core.linear.inverse import Inversion
from qgd_core.linear.system import LinearSystem
from qgd_core.phases.chebyshev import Chebyshev, sample
from qgd_core.phases.targets import Target
from qgd_core.state.prepare import prepare

_MOST_BITS = 16
# The rotation is exact down to this fraction of the smallest singular value, and falls to zero below it.
_EDGE = 0.5
# What the error may grow between the points it is measured at.
_SAFETY = 1.02


def plan_hhl(problem: LinearSystem, eps: float, encoding: str = "auto", share: float | None = None) -> Plan:
    """Plan A x = b by phase estimation of the walk of a block encoding, without building a circuit.

    Arguments: problem; eps, 2-norm error of x[wanted] relative to problem.unit; encoding, a name of
    `list_encodings` or "auto"; share, the most of eps that the estimation may take, by default the one of least
    queries times shots. The error falls with the square of the number of queries only.
    Result: a plan whose error, as a function of the singular value, is computed; its circuit has 4 (2**m - 1) + 1
    queries for m bits, and sign and scale by the shift of the right side.
    Raises: PrecisionUnreachable past 16 bits; ConfigError when A is singular.
    Source: Harrow, Hassidim, Lloyd, arXiv:0811.3171, on the walk of arXiv:1806.01838 in the place of
    e^(i A t): no Hermitian dilation, since an odd function keeps to one side of it.
    """
    given = Inversion.of(problem, encoding)
    bits, target, used = choose_bits(given.kappa, lambda eps: eps * given.unit, problem, eps, share)
    queries, clean, two_qubit, rotations = estimation_cost(given.encoding, bits)
    size = given.start.size
    qubits = clean + given.encoding.n_ancilla + given.encoding.n_system
    costs = (queries, qubits, two_qubit + size, rotations + size)
    return given.plan("hhl", target, eps, used, costs, lambda: _circuit(given, bits))


def choose_bits(
    kappa: float, allowed: Callable[[float], float], problem: object, eps: float, share: float | None = None
) -> tuple[int, Target, float]:
    """The bits of least queries times shots: (bits, what they make of 1/x, its part of the error allowed).

    Arguments: kappa; allowed, the error of the function 1/x that is an eps, concave in it; problem, for the refusal;
    eps; share, the most of it that the estimation may take.
    Raises: PrecisionUnreachable past 16 bits.
    """
    most = 0.9 if share is None else check_share(share)
    best: tuple[float, int, Target, float] | None = None
    for bits in range(2, _MOST_BITS + 1):
        target = estimated_inverse(bits, kappa)
        used = target.error / allowed(eps)
        if used < most:
            cost = 2.0**bits / (1.0 - used) ** 2
            if best is None or cost < best[0]:
                best = cost, bits, target, used
            elif cost > 2.0 * best[0]:
                break
            if share is not None:
                break
    if best is None:
        reachable = least_error(lambda eased: target.error < most * allowed(eased), eps)
        raise PrecisionUnreachable(
            f"An error of {eps:.1e} at condition {kappa:.1e} needs more than {_MOST_BITS} bits.",
            subject=problem,
            value=reachable,
            remedy=easier(
                reachable,
                f"{_queries(_MOST_BITS):.0e} queries",
                "use a polynomial inverse: qsvt or history_qsvt",
            ),
        )
    return best[1:]


@lru_cache(maxsize=64)
def estimated_inverse(bits: int, kappa: float) -> Target:
    """What phase estimation on so many bits makes of 1/x, as an odd Chebyshev series.

    Arguments: bits; kappa, above or equal to 1.
    Result: degree at most 2 * 2**bits - 1; factor * (1/x) within factor * error on [1/kappa, 1], measured on a grid
    of 16 points a degree.
    Raises: nothing.
    Source: arXiv:0811.3171, Eqs 3 to 5, the sine window included; the powers of the walk that remain are
    differences of two, and give Chebyshev polynomials.
    """
    n = 2**bits
    window = _window(n)
    # Weight of the difference k of two registers, k = -(n - 1) .. n - 1.
    weights = fftconvolve(window, window[::-1])
    k = np.arange(-(n - 1), n)
    y = np.arange(n)
    table = _sizes(n, kappa) * np.exp(-1j * np.pi * np.where(y < n // 2, y, y - n) / n)
    values = (np.fft.fft(table) / n)[k % n].real * weights
    coefficients = np.zeros(2 * n + 1)
    np.add.at(coefficients, np.abs(2 * k + 1), values)
    polynomial = Chebyshev(coefficients)
    factor = _EDGE / kappa
    heights = sample(coefficients, 32 * n)
    x = np.cos(np.pi * np.arange(heights.size) / (heights.size - 1))
    inside = np.append(x[x > 1.0 / kappa], 1.0 / kappa)
    heights = np.append(heights[x > 1.0 / kappa], polynomial(1.0 / kappa))
    error = float(np.abs(heights / factor - 1.0 / inside).max())
    return Target(polynomial, _SAFETY * error, factor)


def _window(n: int) -> RealArray:
    return np.asarray(np.sqrt(2.0 / n) * np.sin(np.pi * (np.arange(n) + 0.5) / n))


def _sizes(n: int, kappa: float) -> RealArray:
    """Amplitude kept for each estimate y of a phase 2 pi y / n: (edge / kappa) / x, x = |cos(pi y / n)|."""
    edge = _EDGE / kappa
    x = np.abs(np.cos(np.pi * np.arange(n) / n))
    return np.asarray(edge * np.where(x >= edge, 1.0 / np.maximum(x, edge), x / edge**2))


def _queries(bits: int) -> int:
    return 4 * ((1 << bits) - 1) + 1


def estimation_cost(encoding: BlockEncoding, bits: int) -> tuple[int, int, int, int]:
    """Queries, qubits besides the encoding's, and upper bounds on CX and rotations, of `estimate`."""
    n, queries = 2**bits, _queries(bits)
    projected = encoding.n_ancilla - encoding.restored
    tables = 3 * n + 2 * (bits * (bits - 1) + 3 * bits)
    return (
        queries,
        bits + projected,
        queries * encoding.two_qubit + (queries - 1) * (6 * projected - 4 if projected > 1 else 1) + tables,
        queries * encoding.rotations + tables + 4 * bits * bits,
    )


def _circuit(given: Inversion, bits: int) -> Circuit:
    core = estimate(given.encoding, given.kappa, bits)
    system = range(core.n_qubits - given.encoding.n_system, core.n_qubits)
    builder = CircuitBuilder("hhl", core.n_qubits, len(system))
    builder.call(prepare(given.start, "right_side"), system)
    builder.call(core, range(core.n_qubits))
    builder.postselect(range(system.start))
    builder.measure(system, range(len(system)))
    return builder.build()


def estimate(encoding: BlockEncoding, kappa: float, bits: int) -> Circuit:
    """Circuit that applies `estimated_inverse` of the encoded matrix, the encoding being that of its transpose.

    Arguments: encoding; kappa; bits.
    Result: a circuit on [register..., turned qubit, ancillas..., system...], all but the system starting in |0> and
    post-selected there; `estimation_cost` gates.
    Raises: nothing.
    Source: as `plan_hhl`.
    """
    n = 2**bits
    register = range(bits)
    ancillas = range(bits + 1, bits + 1 + encoding.n_ancilla)
    whole = range(ancillas.start, ancillas.stop + encoding.n_system)
    builder = CircuitBuilder("estimate", whole.stop)
    window, fourier = prepare(_window(n), "window"), _fourier(bits)
    builder.call(window, register)
    builder.call(encoding.circuit(), whole)
    turn = _walk(encoding)
    for bit in register:
        builder.call(turn, [bit, *whole], repeat=2 ** (bits - 1 - bit))
    builder.call(fourier, register, adjoint=True)
    builder.gate("mux_ry", [*register, bits], 2.0 * np.arccos(_sizes(n, kappa)))
    for bit in register:
        # e^(-i pi y / n), and a sign for the upper half, whose phases are negative.
        builder.gate("phase", [bit], [-np.pi / 2 ** (bit + 1) + np.pi * (bit == 0)])
    builder.call(fourier, register)
    for bit in register:
        builder.call(turn, [bit, *whole], repeat=2 ** (bits - 1 - bit), adjoint=True)
    builder.call(window, register, adjoint=True)
    return builder.build()


def _walk(encoding: BlockEncoding) -> Circuit:
    """U R U^dagger R where the first qubit is 1, R the reflection about the projected ancillas in |0>."""
    query = encoding.circuit()
    inside = tuple((1 + q, 0) for q in range(encoding.n_ancilla - encoding.restored))
    builder = CircuitBuilder("walk", 1 + query.n_qubits)
    for adjoint in (True, False):
        builder.gate("phase", [0], [np.pi], inside)
        builder.call(query, range(1, builder.n_qubits), adjoint=adjoint)
    return builder.build()


def _fourier(bits: int) -> Circuit:
    """|y> to the sum over d of e^(2 pi i y d / 2**bits) |d>, normalised."""
    builder = CircuitBuilder("fourier", bits)
    for target in range(bits):
        builder.gate("h", [target])
        for other in range(target + 1, bits):
            builder.gate("phase", [target], [np.pi / 2 ** (other - target)], ((other, 1),))
    for low in range(bits // 2):
        builder.gate("swap", [low, bits - 1 - low])
    return builder.build()
