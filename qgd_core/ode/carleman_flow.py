"""A continuous Carleman system as a problem, with the slots that its field allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from qgd_core.arrays import real_vector
from qgd_core.carleman.system import CarlemanSystem
from qgd_core.encodings.flow_slots import find_slots
from qgd_core.errors import ConfigError
from qgd_core.ode.flow import LinearODE


def carleman_flow(
    system: CarlemanSystem, u0: ArrayLike, time: float, wanted: Sequence[int] | None = None
) -> LinearODE:
    """The flow of a continuous Carleman system from u(0) = u0, its variables being what is read.

    Arguments: system, stored; u0 (n,), from the field's centre; time, T > 0; wanted, variables to read, all by default.
    Result: dz/dt = A z + b, exact; z[i] = g u_i for the variables. At order 2 of a quadratic field of neighbours its
    generator is encoded in slots from F0, F1 and F2, which every history of trapezoid or Taylor steps then uses.
    Raises: ConfigError for a discrete system, or one that is not stored.
    Source: Eq 3.2 of Liu et al., arXiv:2011.03185.
    """
    if system.form != "continuous" or not system.is_stored:
        raise ConfigError(
            f"A flow needs a stored continuous Carleman system, got {system.form}.",
            subject=system,
            remedy='Use carleman(field, order, form="continuous").',
        )
    start = real_vector(u0, "u0", system.n)
    slots = find_slots(system.field, start, system.scale) if system.order == 2 else None
    chosen = range(system.n) if wanted is None else wanted
    source = np.asarray(system.source, dtype=np.float64)
    return LinearODE(system.matrix, source, system.lift(start), time, chosen, structure=slots)
