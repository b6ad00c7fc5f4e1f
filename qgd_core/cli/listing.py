"""qgd backends, qgd solvers, qgd encodings: what there is to choose from, each table as the core keeps it."""

from __future__ import annotations

from qgd_core.cli.terminal import print_table


def backends() -> None:
    """List the installed backends, the broken ones with their reason."""
    from qgd_core.backends.registry import list_backends

    print_table(
        ("backend", "targets", "from", "status"),
        [
            (
                row.name,
                ", ".join(row.targets) or "-",
                f"{row.distribution} {row.version}",
                ": ".join(filter(None, (row.status, row.reason))),
            )
            for row in list_backends()
        ],
    )


def solvers() -> None:
    """List the solvers, the problem each takes, and what it does."""
    from qgd_core.planner.solvers import list_solvers

    print_table(
        ("solver", "problem", "summary"),
        [(row["name"], row["problem"], row["summary"]) for row in list_solvers()],
    )


def encodings() -> None:
    """List the block encodings of a matrix, and whether each scales with its size."""
    from qgd_core.encodings.choose import list_encodings

    print_table(
        ("encoding", "scales", "summary"),
        [
            (str(row["name"]), "yes" if row["scalable"] else "no", str(row["summary"]))
            for row in list_encodings()
        ],
    )
