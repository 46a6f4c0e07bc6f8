"""``galerne site``: the commands of the planner and of the operator's report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galerne.cli.habits import HouseGroup
from galerne.cli.options import Json

site_app = typer.Typer(
    cls=HouseGroup,
    no_args_is_help=True,
    help="Plan a data centre: power, cooling, machines, euros, grams and litres.",
)

ScenarioName = Annotated[
    Path, typer.Argument(help="TOML scenario, or a worked case: essonne, hospital, le-chat, university, ...")
]
ScenarioChanges = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change it on the way, as in --set site.place=lyon; empty removes a key."),
]
SampleCount = Annotated[int, typer.Option(help="Samples instead of its own (50 to 4000).", min=0, max=4000)]


@site_app.command("plan")
def site_plan(
    scenario: ScenarioName,
    changes: ScenarioChanges = None,
    samples: SampleCount = 0,
    report: Annotated[Path | None, typer.Option(help="Also write an HTML report to this file.")] = None,
    json_output: Json = False,
) -> None:
    """Plan one site: machines, power, PUE, tokens per second, euros, grams and litres per million tokens."""
    from galerne.cli.commands.site import Wish
    from galerne.cli.commands.site import plan as go

    wish = Wish(scenario=scenario, changes=tuple(changes or ()), n_samples=samples)
    go(wish, report=report, as_json=json_output)


@site_app.command("report")
def site_report(
    scenario: ScenarioName,
    changes: ScenarioChanges = None,
    samples: SampleCount = 0,
    out: Annotated[Path | None, typer.Option(help="File to write (default: SCENARIO.html, here).")] = None,
) -> None:
    """Write the report of a plan: one HTML page with charts, assumptions and sources, to read and print."""
    from galerne.cli.commands.site import Wish
    from galerne.cli.commands.site import report as go

    go(Wish(scenario=scenario, changes=tuple(changes or ()), n_samples=samples), out=out)


@site_app.command("compare")
def site_compare(
    scenario: ScenarioName,
    changes: ScenarioChanges = None,
    places: Annotated[str, typer.Option(help="Ids of places, with commas; `all` for every one.")] = "all",
    objective: Annotated[
        list[str] | None,
        typer.Option(help="cost, carbon, water or energy; several make a Pareto front."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Rank places for one scenario: why, which are equal, and at which assumption the ranking turns."""
    from galerne.cli.commands.site import Wish
    from galerne.cli.commands.site import compare as go

    wish = Wish(scenario=scenario, changes=tuple(changes or ()))
    go(wish, places=places, objectives=tuple(objective or ("cost",)), as_json=json_output)


@site_app.command("show")
def site_show(
    place: Annotated[str, typer.Argument(help="Id of a place; without one, the places.")] = "",
    json_output: Json = False,
) -> None:
    """A place: climate, hours of free cooling, grid, price, build cost."""
    from galerne.cli.commands.site import show as go

    go(place=place, as_json=json_output)


@site_app.command("configs")
def site_configs(
    scenario: ScenarioName,
    changes: ScenarioChanges = None,
    accelerators: Annotated[int, typer.Option(help="Accelerators to use.", min=1)] = 32,
    json_output: Json = False,
) -> None:
    """The best ways to run a model on some accelerators: throughput, latency, cost, energy."""
    from galerne.cli.commands.site import Wish
    from galerne.cli.commands.site import configs as go

    go(
        Wish(scenario=scenario, changes=tuple(changes or ())),
        n_accelerators=accelerators,
        as_json=json_output,
    )


@site_app.command("schema")
def site_schema() -> None:
    """The JSON schema of scenario files, for editors."""
    from galerne.cli.commands.site import schema as go

    go()


@site_app.command("hours")
def site_hours(
    place: Annotated[str, typer.Argument(help="Id of a place; see `galerne site show`.")],
    year: Annotated[int, typer.Option(help="Calendar year of the hours.", min=1990, max=2100)] = 2025,
    out: Annotated[Path | None, typer.Option(help="File to write (default: standard output).")] = None,
) -> None:
    """A year of hours of a place as CSV: weather, price, carbon; a file to put your own columns in."""
    from galerne.cli.commands.site import hours as go

    go(place=place, year=year, out=out)


@site_app.command("from-ledger")
def site_from_ledger(
    place: Annotated[str, typer.Option(help="Id of a place; see `galerne site show`.")] = "essonne",
    system: Annotated[str, typer.Option(help="Id of what would be bought.")] = "dgx-h200",
    model: Annotated[str, typer.Option(help="Id of what would run.")] = "mistral-small-3.2-24b",
    weight_format: Annotated[str, typer.Option("--format", help="Id of its format.")] = "fp8",
    times: Annotated[float, typer.Option(help="How many times this installation's load.", min=1e-6)] = 1.0,
) -> None:
    """A scenario, on standard output, for the load that this installation's own ledger has seen."""
    from galerne.cli.commands.operator import from_ledger as go

    go(place=place, system=system, model=model, weight_format=weight_format, n_users=times)


@site_app.command("report-eed")
def site_report_eed(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV of the site's meters, or a TOML scenario to simulate; else the ledger."),
    ] = None,
    year: Annotated[int, typer.Option(help="Calendar year reported (default: this one).")] = 0,
    form: Annotated[
        Path | None,
        typer.Option(
            help="What no meter knows, as in examples/operator.toml; a file that is not there is written: "
            "what is missing, to fill in."
        ),
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Take the IT energy from this installation's ledger.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write OUT.html, OUT.json and OUT.csv.")] = None,
    json_output: Json = False,
) -> None:
    """The EU energy-efficiency indicators of a year (2024/1364), with completeness and what is missing."""
    from galerne.cli.commands.operator import report_eed as go

    go(file=file, year=year, form=form, from_ledger=from_ledger, out=out, as_json=json_output)
