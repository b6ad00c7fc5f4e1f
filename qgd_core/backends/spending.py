"""What a target that costs money may spend: nothing without a limit, and never without saying the price first."""

from __future__ import annotations

import sys

from qgd_core.errors import ConfigError


def admit(
    target: str,
    shots: int,
    price: float,
    max_shots: int | None,
    max_cost: float | None,
    basis: str = "",
) -> None:
    """Let a run that costs money go ahead, or refuse it.

    Arguments: target, its name; shots; price, the estimate in US dollars; max_shots and max_cost, in US dollars,
    the limits of this run that the user gave; basis, where the prices come from, which is printed too.
    Result: none; the estimate is printed on the error stream, before anything is sent.
    Raises: ConfigError when neither limit was given, or one that was is passed.
    Source: none.
    """
    told = f" ({basis})" if basis else ""
    print(f"{target}: {shots} shots, estimated at {price:.2f} US dollars{told}.", file=sys.stderr, flush=True)
    if max_shots is None and max_cost is None:
        raise ConfigError(
            f"{target} costs money and was given no limit.",
            subject=target,
            value=price,
            remedy="Give max_shots or max_cost, in US dollars.",
        )
    if max_shots is not None and shots > max_shots:
        raise ConfigError(
            f"{shots} shots are more than max_shots={max_shots}.",
            value=shots,
            remedy="Ask for fewer shots, or raise max_shots.",
        )
    if max_cost is not None and not price <= max_cost:
        raise ConfigError(
            f"{target} is estimated at {price:.2f} US dollars, more than max_cost={max_cost}.",
            value=price,
            remedy="Ask for fewer shots, or raise max_cost.",
        )
