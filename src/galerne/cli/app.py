"""The command line: one command per promise. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galerne.cli.key_app import key_app
from galerne.cli.ledger_app import ledger_app
from galerne.cli.models_app import MODEL_COMMANDS
from galerne.cli.options import Json, LoadAnyway

app = typer.Typer(
    name="galerne",
    help="AI from the megawatt to the message, on infrastructure you own.\n\n"
    "Without a command: this machine, what fits on it, and a chat. In a pipe: one answer and its receipt.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
site_app = typer.Typer(help="Plan a data centre: power, cooling, machines, euros, grams and litres.")
catalog_app = typer.Typer(help="Look up the facts every figure stands on, each with its source.")
app.add_typer(site_app, name="site")
app.add_typer(catalog_app, name="catalog")
app.add_typer(key_app, name="key")
app.add_typer(ledger_app, name="ledger")


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Show this machine and what fits on it, then chat; in a pipe, give one answer with its receipt."""
    if version:
        from galerne import __version__

        typer.echo(f"galerne {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from galerne.cli.commands.start import start as run

        run()


@app.command()
def run(
    model: Annotated[str | None, typer.Argument(help="Model to talk to (default: the built-in one).")] = None,
    prompt: Annotated[list[str] | None, typer.Argument(help="A question; without one, a chat.")] = None,
    load_anyway: LoadAnyway = False,
    json_output: Json = False,
) -> None:
    """Ask a question, or talk.

    A text piped in is added to the question: `git diff | galerne run galerne-mini "what is this?"`.
    """
    from galerne.cli.commands.run import run as go

    go(model=model, prompt=" ".join(prompt or []), load_anyway=load_anyway, json_output=json_output)


@app.command()
def chat(
    file: Annotated[
        list[Path] | None, typer.Option(help="Document that the questions look into; may be repeated.")
    ] = None,
) -> None:
    """Talk in the terminal, about documents too: `galerne chat --file report.pdf`."""
    from galerne.cli.commands.run import run as go

    go(model=None, prompt="", json_output=False, files=tuple(file or ()))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address; any but loopback needs a key.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)] = None,
    model: Annotated[str | None, typer.Option(help="Model to serve.")] = None,
    simulate: Annotated[
        str | None,
        typer.Option(help="Serve a simulated engine on this catalogue system, such as dgx-h100, instead."),
    ] = None,
    load_anyway: LoadAnyway = False,
) -> None:
    """Start the daemon: the API for your programs and the page for you."""
    from galerne.cli.commands.serve import serve as go

    go(host=host, port=port, model=model, simulate=simulate, load_anyway=load_anyway)


@app.command()
def fit(
    free: Annotated[
        float | None, typer.Option(help="Pretend this many GB (10^9 bytes) of memory are free.", min=0.1)
    ] = None,
    context_tokens: Annotated[
        int, typer.Option("--context", min=256, help="Tokens of context to reserve.")
    ] = 4096,
    every_model: Annotated[
        bool, typer.Option("--all", help="Also models that a newer one replaces.")
    ] = False,
    explain: Annotated[bool, typer.Option(help="Show every input of the estimates.")] = False,
    json_output: Json = False,
) -> None:
    """Which models fit this machine, how fast they will be, and how many joules a token takes."""
    from galerne.cli.commands.fit import fit as go

    free_bytes = free * 1e9 if free else None
    go(
        free_bytes=free_bytes,
        context_tokens=context_tokens,
        every_model=every_model,
        explain=explain,
        as_json=json_output,
    )


@app.command()
def usage(
    by: Annotated[
        str, typer.Option(help="Sum by `key`, `owner`, `project`, `model`, `day` or `total`.")
    ] = "model",
    since: Annotated[str | None, typer.Option(help="First instant, such as 2026-11-01 (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="First instant not counted any more.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write the sums as comma-separated values.")] = False,
    json_output: Json = False,
) -> None:
    """Sum the receipts: tokens, joules, grams, litres, euros; and check that they add up to the meter."""
    from galerne.cli.commands.usage import usage as go

    go(group_by=by, since=since, until=until, as_csv=csv, as_json=json_output)


@app.command()
def chain(
    once: Annotated[bool, typer.Option(help="Draw it once and leave.")] = False,
    json_output: Json = False,
) -> None:
    """The chain on one screen: grid, place, machine, engine, last answer; live."""
    from galerne.cli.commands.chain import chain as go

    go(once=once, as_json=json_output)


@app.command()
def grid(
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the live source that GALERNE_GRID names, now.")
    ] = False,
    json_output: Json = False,
) -> None:
    """What a kilowatt-hour carries here now: grams, litres, euros, each with its kind and source.

    Without GALERNE_GRID these are packaged figures, and nothing leaves this machine.
    """
    from galerne.cli.commands.grid import grid as go

    go(refresh=refresh, as_json=json_output)


@app.command()
def price(json_output: Json = False) -> None:
    """What a million tokens costs here, read, cached and written, beside Mistral's dated price list.

    Without a prices.toml it is the electricity alone; see docs/how-to/prices-per-model.md.
    """
    from galerne.cli.commands.price import price as go

    go(as_json=json_output)


@app.command()
def top(
    interval: Annotated[float, typer.Option(help="Seconds between two frames.", min=0.2)] = 1.0,
    json_output: Json = False,
) -> None:
    """What the daemon draws and does, live: watts, tokens per second, queue, accounts; once in a pipe."""
    from galerne.cli.commands.top import top as go

    go(interval_s=interval, as_json=json_output)


@app.command(name="list")
def list_models(json_output: Json = False) -> None:
    """The models on this machine."""
    from galerne.cli.commands.models import list_models as go

    go(as_json=json_output)


@app.command()
def ps(
    every_model: Annotated[
        bool, typer.Option("--all", "-a", help="Also models that are not loaded.")
    ] = False,
    json_output: Json = False,
) -> None:
    """What the daemon runs now: memory, queue, tokens per second, watts, and when each model leaves."""
    from galerne.cli.commands.engines import ps as go

    go(every_model=every_model, as_json=json_output)


@app.command()
def load(
    model: Annotated[str, typer.Argument(help="Model to load.")],
    pinned: Annotated[
        bool | None, typer.Option("--pin/--unpin", help="Keep it loaded whatever happens, or no longer.")
    ] = None,
    anyway: LoadAnyway = False,
    json_output: Json = False,
) -> None:
    """Load a model into the running daemon before it is asked for; pin it there."""
    from galerne.cli.commands.engines import load as go

    go(model=model, pinned=pinned, anyway=anyway, as_json=json_output)


@app.command()
def bench(
    model: Annotated[str | None, typer.Argument(help="Model to measure (default: the served one).")] = None,
    json_output: Json = False,
) -> None:
    """How fast a model reads and writes here, alone and eight at once, and the joules of a token."""
    from galerne.cli.commands.bench import bench as go

    go(model=model, as_json=json_output)


@app.command()
def stop(
    model: Annotated[str, typer.Argument(help="Model to unload.")],
    now: Annotated[bool, typer.Option("--now", help="Break off its answers instead of waiting.")] = False,
    json_output: Json = False,
) -> None:
    """Unload a model once its answers have ended; the next question loads it again."""
    from galerne.cli.commands.engines import stop as go

    go(model=model, now=now, as_json=json_output)


@app.command()
def doctor(json_output: Json = False) -> None:
    """What was found on this machine, what is missing, and what would help."""
    from galerne.cli.commands.doctor import doctor as go

    go(as_json=json_output)


@app.command()
def validate(json_output: Json = False) -> None:
    """Published figures beside ours, each with its ratio and a verdict; where we miss, it says why."""
    from galerne.cli.commands.validate import validate as go

    go(as_json=json_output)


for model_command in MODEL_COMMANDS:
    app.command()(model_command)


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
        Path | None, typer.Option(help="What no meter knows, as in examples/operator.toml.")
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


@catalog_app.command("list")
def catalog_list(
    table: Annotated[str, typer.Argument(help="Table to list; without one, the tables.")] = "",
    json_output: Json = False,
) -> None:
    """The tables of the catalogue, or the rows of one."""
    from galerne.cli.commands.catalog import list_rows as go

    go(table=table, as_json=json_output)


@catalog_app.command("show")
def catalog_show(
    row_id: Annotated[str, typer.Argument(help="Id of a row in any table.")],
    json_output: Json = False,
) -> None:
    """Every fact of one row, with its range and its source."""
    from galerne.cli.commands.catalog import show as go

    go(row_id=row_id, as_json=json_output)
