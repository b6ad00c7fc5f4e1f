"""The one error budget: where a requested accuracy is spent, share by share."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from qgd_core.errors import ConfigError


@dataclass(frozen=True)
class ErrorBudget:
    """Upper limits on each source of error, all in the same unit (stated by whoever makes the budget).

    model: the polynomial field against the true gradient; truncation: the Carleman order; discretisation:
    time steps or quadrature; polynomial: approximation of a matrix function; synthesis: rotations in
    Clifford+T; shots: sampling. `total` is what the user asked for; the observed error stays below it.
    """

    model: float = 0.0
    truncation: float = 0.0
    discretisation: float = 0.0
    polynomial: float = 0.0
    synthesis: float = 0.0
    shots: float = 0.0

    def __post_init__(self) -> None:
        for name, share in self.shares().items():
            if not share >= 0.0:
                raise ConfigError(
                    f"The budget share {name!r} is {share}, which is not a number >= 0.", value=share
                )

    @property
    def total(self) -> float:
        """Sum of the shares."""
        return sum(self.shares().values())

    @property
    def solver(self) -> float:
        """What the quantum solver may add to the answer of its own linear problem."""
        return self.discretisation + self.polynomial + self.synthesis + self.shots

    def shares(self) -> dict[str, float]:
        """The shares by name."""
        return asdict(self)

    def scaled(self, factor: float) -> ErrorBudget:
        """The same budget in another unit."""
        return ErrorBudget(**{name: share * factor for name, share in self.shares().items()})
