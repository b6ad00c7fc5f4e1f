"""The numbers of a run as tables: one specification, drawn in the terminal by rich and in the report as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgd_core.reports.run import Record

if TYPE_CHECKING:
    from rich.table import Table as RichTable

ABSENT = "-"


@dataclass(frozen=True)
class Table:
    """A table ready to be drawn: a title, its column heads, and rows of text, the first cell a label."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def find(record: Mapping[str, Any], key: str) -> Any:
    """Return the entry at a dotted key, or None where any part of it is missing."""
    value: Any = record
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def number(key: str) -> Callable[[Record], str]:
    """Write an entry with three digits."""
    return lambda record: _short(find(record, key))


def count(key: str) -> Callable[[Record], str]:
    """Write an entry as a whole number, thousands apart."""
    return lambda record: ABSENT if find(record, key) is None else f"{find(record, key):,.0f}"


def beside(key: str, limit: str) -> Callable[[Record], str]:
    """Write an error beside its budget."""
    return lambda record: (
        ABSENT
        if find(record, key) is None
        else f"{_short(find(record, key))} / {_short(find(record, limit))}"
    )


def _centre(record: Record) -> str:
    centre = find(record, "centre") or {}
    steps = centre.get("newton_steps")
    return ABSENT if not centre else str(centre.get("kind", ABSENT)) + (f" ({steps})" if steps else "")


def _centre_cost(record: Record) -> str:
    centre = find(record, "centre") or {}
    cost = [
        f"{centre[key]:,.0f} {key[:4]}" for key in ("gradients", "hessians") if centre.get(key) is not None
    ]
    return ", ".join(cost) or ABSENT


# Label -> how a window's cell is written. The order is the order of the table.
WINDOW_ROWS: dict[str, Callable[[Record], str]] = {
    "run as": lambda record: str(record.get("status", ABSENT)),
    "data of each step": lambda record: str(record.get("data", ABSENT)),
    "nonlinearity R": number("r_number"),
    "log-norm": number("log_norm"),
    "largest norm of powers": number("max_power_norm"),
    "centre (Newton steps)": _centre,
    "cost of the centre": _centre_cost,
    "solves with the model alone": count("centre.solves"),
    "cost of the preconditioner": count("centre.preconditioner_cost"),
    "qubits": count("resources.qubits"),
    "two-qubit gates": count("resources.two_qubit"),
    "rotations": count("resources.rotations"),
    "T gates, estimate": count("resources.t_estimate"),
    "success probability": number("resources.success_probability"),
    "shots": count("resources.shots"),
    "move |w_T - w_0|": number("move"),
    "error / budget: Carleman model": beside("errors.vs_carleman", "errors.vs_carleman_budget"),
    "sampling error, expected / seen": beside("errors.sampling_rms", "errors.sampled"),
    "error / budget: gradient descent": beside("errors.vs_gd", "errors.vs_gd_budget"),
    "same, without shot noise": number("errors.exact_vs_gd"),
    "same, relative to |w|": number("errors.vs_gd_relative_to_weights"),
    "control: centre alone": number("controls.centre_alone"),
    "control: affine model (N = 1)": number("controls.affine"),
    "control: Carleman model, classical": number("controls.carleman"),
    "control: Newton steps only": number("controls.newton_only"),
    "loss after: quantum": lambda record: _fixed(find(record, "loss.quantum")),
    "loss after: classical": lambda record: _fixed(find(record, "loss.classical")),
}
END_ROWS = {
    "pruned": "pruned, before training",
    "classical": "after classical gradient descent",
    "quantum": "after quantum gradient descent",
    "newton_only": "after the Newton steps alone",
}


def window_tables(windows: Sequence[Record], columns: int = 3) -> list[Table]:
    """Lay the windows out as columns, at most `columns` to a table, so that 100 characters hold one."""
    title = "Windows; errors and controls are relative to the move"
    return [
        Table(
            title,
            ("", *(f"window {window.get('window')}" for window in part)),
            tuple((label, *(write(window) for window in part)) for label, write in WINDOW_ROWS.items()),
        )
        for part in (windows[i : i + columns] for i in range(0, len(windows), columns))
    ]


def end_table(end: Record) -> Table:
    """Lay out loss and test accuracy before training and after it, on both routes."""
    rows = (
        (label, _fixed(find(end, f"{key}.loss")), _fixed(find(end, f"{key}.accuracy")))
        for key, label in END_ROWS.items()
        if key in end
    )
    return Table("Model", ("", "training loss", "test accuracy"), tuple(rows))


def verdict(windows: Sequence[Record]) -> str:
    """Say how many windows took the quantum route, kept to both budgets, and beat the affine model."""
    ran = [window for window in windows if window.get("status") == "quantum"]
    kept = sum(
        _below(window, "errors.vs_carleman", "errors.vs_carleman_budget")
        and _below(window, "errors.vs_gd", "errors.vs_gd_budget")
        for window in ran
    )
    if not ran:
        return f"None of the {len(windows)} windows took the quantum route."
    nearer, exact = (
        sum(_below(window, key, "controls.affine") for window in ran)
        for key in ("errors.vs_gd", "errors.exact_vs_gd")
    )
    return (
        f"{len(ran)} of {len(windows)} windows took the quantum route; {kept} of them kept within both budgets. "
        f"{nearer} of them came nearer to gradient descent than the affine model (N = 1) does; "
        f"without shot noise, {exact}."
    )


def refusals(windows: Sequence[Record]) -> list[str]:
    """Say of each window that was not run on the quantum side why it was refused."""
    return [
        f"Window {window.get('window')} was done classically: {window.get('reason') or 'no reason was given'}"
        for window in windows
        if window.get("status") != "quantum"
    ]


def for_terminal(table: Table) -> RichTable:
    """Draw a table with rich."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    drawn = RichTable(title=table.title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column, head in enumerate(table.heads):
        drawn.add_column(head, justify="right" if column else "left", no_wrap=bool(column))
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def _below(window: Record, key: str, limit: str) -> bool:
    """Whether both numbers are there and the first is not above the second."""
    value, most = find(window, key), find(window, limit)
    return value is not None and most is not None and bool(value <= most)


def _short(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3g}"


def _fixed(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3e}"
