"""The steps of a window by few directions, in slots: what its circuit is made of at order 2, momentum included, and 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from qgd_core.arrays import RealArray
from qgd_core.carleman.compress import Compressed, compress_cubic, compress_steps
from qgd_core.carleman.discrete import step_map
from qgd_core.carleman.majorant import each, remainder_majorant
from qgd_core.dynamics.low_rank import LowRankMap
from qgd_core.dynamics.polynomial import PolynomialField
from qgd_core.dynamics.updates import unit_field
from qgd_core.encodings.slot_cubic_steps import CubicSlotSteps
from qgd_core.encodings.slot_steps import SlotSteps
from qgd_core.learn.local import Local

_TIGHTENINGS = 3
# Below this the offset or the quadratic part of a step counts as none.
_LEAST = 1e-9


@dataclass(frozen=True)
class Marched:
    """The maps that are marched, what was lost in making them sums of powers, and their layout where there is one.

    updates, one or one a step; drift, bound on what the change does to u_T; layout, from the unit of z's first entries;
    reason, why there is none.
    """

    updates: tuple[PolynomialField, ...]
    drift: float = 0.0
    layout: Callable[[float], SlotSteps | CubicSlotSteps] | None = None
    reason: str = ""


def find_structure(local: Local, order: int, limit: float) -> Marched:
    """Write the steps as sums of powers of few directions, if that is what they are within `limit`.

    Arguments: local; order, of the window; limit, on the 2-norm of what the change does to u_T.
    Result: the marched maps: those of local, from their entries, with the reason, where the order is neither 2 nor 3,
    no small rank does, or, at order 3, the steps differ, have momentum, or have no offset or no quadratic part.
    Raises: nothing.
    Source: gradients of generalised linear losses are sums of powers.
    """
    steps = len(local.rates)
    if order == 3:
        return _find_cubic(local, limit)
    if order != 2:
        return Marched(local.updates, reason=f"slots hold orders 2 and 3, not {order}")
    plain = tuple(step_map(field, rate) for field, rate in local.steps())
    frames = None
    if len(local.fields) > 1:
        frames = [np.linalg.eigh(field.coefficient(1).toarray())[1] for field in local.fields]
    if not local.momentum:
        found = compress_steps(plain, frames, local.start, steps, limit)
        return _refuse(local, limit) if found is None else _lay_out(local, found, found.drift)
    for tightening in range(_TIGHTENINGS):
        found = compress_steps(plain, frames, local.displacement, steps, limit / 4**tightening)
        if found is None:
            break
        near = _replaced(local, found)
        rests = [one + other * -1.0 for one, other in zip(local.updates, near.updates, strict=True)]
        drift = float(np.linalg.norm(remainder_majorant(near.updates, rests, local.start, steps)))
        if drift <= limit:
            return _lay_out(near, found, drift)
    return _refuse(local, limit)


def _refuse(local: Local, limit: float, reason: str = "") -> Marched:
    """The maps from their entries."""
    few = f"no small number of directions stays within {limit:.1e}"
    return Marched(local.updates, reason=reason or few)


def _find_cubic(local: Local, limit: float) -> Marched:
    """One map for all steps with a field up to degree 3, by common directions of its tensors."""
    update, start, steps = local.updates[0], local.start, len(local.rates)
    sizes = [float(np.linalg.norm(update.coefficient(k).toarray())) for k in (0, 2)]
    refusals = {
        "slots of order 3 hold no momentum": bool(local.momentum),
        "slots of order 3 hold one map for all steps": len(local.updates) > 1,
        "slots of order 3 need an offset: F_0 is zero here, as around a fixed point": sizes[0] <= _LEAST,
        "slots of order 3 need a quadratic part": sizes[1] <= _LEAST,
    }
    for reason, holds in refusals.items():
        if holds:
            return _refuse(local, limit, reason)
    found = compress_cubic(update, start, steps, limit)
    if found is None:
        return _refuse(local, limit)
    map_, drift = found
    return Marched((map_.polynomial(),), drift, lambda unit: CubicSlotSteps(map_, start, unit, steps))


def _lay_out(local: Local, found: Compressed, drift: float) -> Marched:
    """The compressed steps with their slots; with momentum, those of the enlarged map, `local` holding their fields."""
    start, steps = local.start, len(local.rates)
    if not local.momentum:
        return Marched(
            found.updates, drift, lambda unit: SlotSteps(found.maps, start, unit, steps, found.frames)
        )
    maps, axes, images = _enlarge(local, found)
    return Marched(local.updates, drift, lambda unit: SlotSteps(maps, start, unit, steps, axes, images))


def _replaced(local: Local, found: Compressed) -> Local:
    """The same model with the fields of the compressed maps."""
    rates = [rate for _, rate in local.steps()]
    fields = [unit_field(one) * (1.0 / rate) for one, rate in zip(found.updates, rates, strict=True)]
    return replace(local, fields=tuple(fields))


def _enlarge(
    near: Local, found: Compressed
) -> tuple[tuple[LowRankMap, ...], tuple[RealArray, ...], tuple[RealArray, ...]]:
    """Maps of (v, p) one a step, the axes of their arguments, and those of their values.

    The linear part is U S V^T: the map's argument is written on V's axes, its values on U's.
    """
    n, steps = near.n, len(near.rates)
    frames = each(found.frames or (np.eye(n),), len(found.maps))
    made = []
    for update, map_, frame, (_, rate) in zip(near.updates, found.maps, frames, near.steps(), strict=True):
        image, sizes, axes = np.linalg.svd(update.coefficient(1).toarray())
        y = map_.directions @ frame.T
        # Where a unit of the gradient field goes in the enlarged map; the squares' weights are `rate` times the field's.
        squares = (near.response(rate) @ y.T).T / rate
        lengths = np.linalg.norm(squares, axis=1)
        made.append(
            (
                LowRankMap(
                    image.T @ update.coefficient(0).toarray().ravel(),
                    sizes,
                    map_.weights * lengths,
                    np.pad(y, ((0, 0), (0, n))) @ axes.T,
                    squares / lengths[:, np.newaxis] @ image,
                ),
                axes.T,
                image,
            )
        )
    maps, arguments, values = zip(*each(made, steps), strict=True)
    return maps, arguments, values
