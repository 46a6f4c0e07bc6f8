"""The command line: one command per promise. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galerne.cli.habits import HouseGroup
from galerne.cli.key_app import key_app
from galerne.cli.ledger_app import ledger_app
from galerne.cli.models_app import MODEL_COMMANDS
from galerne.cli.options import Json, LoadAnyway
from galerne.cli.people_app import people_app
from galerne.cli.site_app import site_app

app = typer.Typer(
    name="galerne",
    cls=HouseGroup,
    help="AI from the megawatt to the message, on infrastructure you own.\n\n"
    "Without a command: this machine, what fits on it, and a chat. In a pipe: one answer and its receipt.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
catalog_app = typer.Typer(
    cls=HouseGroup,
    no_args_is_help=True,
    help="Look up the facts every figure stands on, each with its source.",
)
app.add_typer(site_app, name="site")
app.add_typer(catalog_app, name="catalog")
app.add_typer(key_app, name="key")
app.add_typer(people_app, name="people")
app.add_typer(ledger_app, name="ledger")


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-v", help="Print the version and leave.")] = False,
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
    no_tune: Annotated[bool, typer.Option("--no-tune", help="Do not measure the engine meanwhile.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Explain each figure of the receipt, with its source.")
    ] = False,
    answer_format: Annotated[
        str, typer.Option("--format", help="`json`, or a file with the JSON schema that the answer keeps to.")
    ] = "",
    json_output: Json = False,
) -> None:
    """Ask a question, or talk.

    A text piped in is added to the question: `git diff | galerne run galerne-mini "what is this?"`.
    """
    from galerne.cli.commands.run import run as go

    question = " ".join(prompt or [])
    go(
        model=model,
        prompt=question,
        load_anyway=load_anyway,
        json_output=json_output,
        tunes_idle=not no_tune,
        in_full=verbose,
        answer_format=answer_format,
    )


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
