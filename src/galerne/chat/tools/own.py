"""Galerne's own tools: they read nothing outside this machine and change nothing, so nobody is asked."""

from __future__ import annotations

import datetime
import json
import zoneinfo
from collections.abc import Mapping
from importlib import resources
from typing import Any

from galerne.chat.client.api import ApiClient
from galerne.chat.tools.arithmetic import calculate
from galerne.chat.tools.document_search import DOCUMENT_SEARCH
from galerne.chat.tools.records import Run, Tool
from galerne.clock import Clock
from galerne.errors import GalerneError, ToolFailed

_NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
_MOST_FITS = 12


def own_tools(client: ApiClient, *, clock: Clock) -> tuple[Tool, ...]:
    """The tools of every installation.

    Args:
        client: our API; the tools ask it as any client may.
        clock: tells the time.
    """
    return (
        Tool(
            name="calculator",
            description="Evaluate an arithmetic expression exactly, such as (3.5 + 2) * 12 / 7 or sqrt(2).",
            parameters=_text("expression", "What to compute."),
            run=_calculate,
        ),
        Tool(
            name="clock",
            description="The date and time now, in a time zone such as Europe/Paris.",
            parameters=_text("time_zone", "IANA name of the zone; UTC where it is left out.", needed=False),
            run=_clock(clock),
        ),
        Tool(
            name="what_fits_here",
            description="Which open-weight models fit in the memory of this machine, how fast each would "
            "write and the energy of a token (modelled).",
            parameters=_NOTHING,
            run=_refusing("what_fits_here", _fits(client)),
        ),
        Tool(
            name="my_usage",
            description="Answers, tokens, energy, carbon, water and cost so far on this installation.",
            parameters={
                "type": "object",
                "properties": {"group_by": {"enum": ["model", "day"]}},
                "additionalProperties": False,
            },
            run=_refusing("my_usage", _usage(client)),
        ),
        Tool(
            name="plan_a_site",
            description="Plan a data centre: power, PUE, racks, euros, grams of CO2e and litres per million "
            "written tokens, from a place, a system, a model and a number of systems.",
            parameters=_SITE,
            run=_refusing("plan_a_site", _site(client)),
        ),
        DOCUMENT_SEARCH,
    )


_SITE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "description": "Id of a place, such as paris or lyon."},
        "zone": {"type": "string", "description": "Grid zone, such as FR."},
        "system": {"type": "string", "description": "Id of a system, such as dgx-h200."},
        "model": {"type": "string", "description": "Id of a model, such as mistral-small-3.2-24b."},
        "n_systems": {"type": "integer", "minimum": 1, "maximum": 100_000},
    },
    "required": ["place", "zone", "system", "model", "n_systems"],
    "additionalProperties": False,
}


def _text(name: str, description: str, *, needed: bool = True) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": description}}
    return {
        "type": "object",
        "properties": properties,
        "required": [name] if needed else [],
        "additionalProperties": False,
    }


async def _calculate(arguments: Mapping[str, Any]) -> str:
    try:
        return calculate(arguments["expression"])
    except ValueError as error:
        raise ToolFailed(tool="calculator", problem=str(error)) from None


def _clock(clock: Clock) -> Run:
    async def tell(arguments: Mapping[str, Any]) -> str:
        name = arguments.get("time_zone") or "UTC"
        try:
            zone = zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ToolFailed(tool="clock", problem="there is no such time zone") from None
        now = datetime.datetime.fromtimestamp(clock.now_at(), tz=zone)
        return f"{now:%A} {now.isoformat(timespec='seconds')} ({name})"

    return tell


def _fits(client: ApiClient) -> Run:
    async def ask(_: Mapping[str, Any]) -> str:
        document = await client.fits()
        kept = ("model_id", "format_id", "fits", "needed_bytes", "tokens_per_s", "j_per_token", "method")
        rows = [{name: row.get(name) for name in kept} for row in document["data"] if row.get("fits")]
        return _compact({"machine": document.get("machine"), "models": rows[-_MOST_FITS:]})

    return ask


def _usage(client: ApiClient) -> Run:
    async def ask(arguments: Mapping[str, Any]) -> str:
        return _compact(await client.usage(group_by=arguments.get("group_by", "model")))

    return ask


def _site(client: ApiClient) -> Run:
    async def ask(arguments: Mapping[str, Any]) -> str:
        scenario = _scenario(arguments)
        plan = (await client.site("plan", scenario)).json()
        kept = ("name", "value", "unit", "low", "high", "method")
        figures = [{name: figure[name] for name in kept} for figure in plan["figures"]]
        return _compact({"figures": figures, "assumed": scenario, "range": "5 % to 95 %"})

    return ask


def _scenario(arguments: Mapping[str, Any]) -> str:
    """A scenario in TOML; JSON strings are TOML strings, so nothing can be slipped in between."""
    template = (resources.files("galerne.chat.tools") / "site.toml").read_text(encoding="utf-8")
    return template.format_map({name: json.dumps(value) for name, value in arguments.items()})


def _refusing(tool: str, run: Run) -> Run:
    """What the API refuses, the model is told in one sentence."""

    async def guarded(arguments: Mapping[str, Any]) -> str:
        try:
            return await run(arguments)
        except GalerneError as error:
            raise ToolFailed(tool=tool, problem=str(error)) from error

    return guarded


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
