"""The verdict sheet: what passed, failed, is a known gap or is not declared."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

PASSED, FAILED, GAP, NOT_DECLARED = "passed", "failed", "gap", "not declared"


@dataclass(frozen=True)
class Verdict:
    """One check's result; `detail` says what was wrong, why it is a gap, or what is not declared."""

    check: str
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Sheet:
    """All verdicts on one backend, with what is needed to repeat them."""

    backend: str
    versions: dict[str, str]
    seed: int
    shots: int
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """True when at least one check passed and none failed."""
        statuses = {verdict.status for verdict in self.verdicts}
        return PASSED in statuses and FAILED not in statuses

    def count(self, status: str) -> int:
        """How many checks have the status."""
        return sum(verdict.status == status for verdict in self.verdicts)

    def to_json(self) -> str:
        """The sheet as JSON."""
        return json.dumps({**asdict(self), "passed": self.passed}, indent=1)

    def to_table(self) -> str:
        """The sheet as lines of text, failures last."""
        order = [PASSED, NOT_DECLARED, GAP, FAILED]
        rows = sorted(self.verdicts, key=lambda v: order.index(v.status))
        width = max((len(v.check) for v in rows), default=0)
        lines = [f"{v.check:<{width}}  {v.status:<12}  {v.detail}".rstrip() for v in rows]
        counts = ", ".join(f"{self.count(status)} {status}" for status in order)
        verdict = "conforms" if self.passed else "does not conform"
        return "\n".join(
            [*lines, "", f"{self.backend} {verdict}: {counts} (seed {self.seed}, {self.shots} shots)"]
        )
