"""The report of a run: one HTML page that needs no other file and no network."""

from __future__ import annotations

from qgd_core.reports.figures import draw_figures
from qgd_core.reports.run import Run, write
from qgd_core.reports.tables import end_table, refusals, verdict, window_tables

# What each row of the tables means, for a reader who has seen none of it before.
GLOSSARY = {
    "window": "a few gradient-descent steps done in one go by one quantum circuit",
    "nonlinearity R": "how strong the nonlinear part of the dynamics is against its damping; below 1 the theory's "
    "guarantee holds, above 1 the numerical test decides",
    "log-norm, largest norm of powers": "how much the linearised dynamics can amplify an error; windows are accepted "
    "by these numbers",
    "centre": "the point around which the gradient is expanded; finding it costs the classical work in the next row",
    "T gates, estimate": "the gates that dominate the cost on an error-corrected machine",
    "success probability": "the share of shots that can be used; the others are discarded",
    "error / budget": "distance of the weights read out from the stated target, divided by the distance the weights "
    "move in the window, beside the limit fixed before the run",
    "Carleman model": "the truncated linear system that the circuit implements, solved exactly",
    "gradient descent": "the classical iteration on the true loss, step by step",
    "sampling error": "what the finite number of shots does to the weights: the root mean square that the plan "
    "expected, and the one draw of this run",
    "controls": "what simpler classical recipes reach: staying at the centre, the affine model (order N = 1), the "
    "Carleman model run classically, and the Newton steps alone; a window worse than these shows nothing",
}


def write_report(run: Run) -> None:
    """Draw a run's figures and write its report.html; an unfinished run is reported as far as it went.

    Arguments: run, with at least one finished window.
    Result: none; the files stand in the run's folder.
    Raises: nothing.
    Source: none.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    figures = {name: text[text.index("<svg") :] for name, text in draw_figures(run).items()}
    environment = Environment(
        loader=PackageLoader("qgd_core", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        name=run.path.name,
        start=run.records[0],
        windows=run.windows,
        finished=run.end is not None,
        verdict=verdict(run.windows),
        refusals=refusals(run.windows),
        tables=[end_table(run.end)] if run.end else [],
        window_tables=window_tables(run.windows, columns=6),
        figures=figures,
        glossary=GLOSSARY,
        config=run.config,
    )
    write(run.path / "report.html", page)
