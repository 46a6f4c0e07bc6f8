"""``galerne bench``: how fast a model reads and writes here, alone and eight at once; joules per token."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
import time
from typing import Any

import httpx

from galerne.chat.bill.figures import NARROW_SPACE, number, quantity
from galerne.cli.caller import refusal
from galerne.cli.daemon import attach_or_host, own_key
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import ServerUnreachable
from galerne.language import Language, phrases

STREAMS = (1, 8)
PROMPT_CHARACTERS = 1200
NEW_TOKENS = 64
SEED = 4747
PATIENCE = httpx.Timeout(None, connect=5.0)
"""A large model on a small machine takes its time."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def bench(*, model: str | None, as_json: bool) -> None:
    """Measure a model through the API, as clients meet it; its answers have receipts like any other.

    Raises:
        AnswerRefused: there is no such model, or it cannot be loaded.
    """
    settings = read_settings(os.environ)
    if model is not None:
        settings = dataclasses.replace(settings, model_id=model)
    words = phrases("galerne.cli", settings.language)
    console = make_console()
    with attach_or_host(settings) as address, console.status(words["bench_running"]):
        rows = asyncio.run(_measure(address, own_key(settings), settings.model_id))
    if as_json:
        print_json({"model": settings.model_id, "runs": rows})
        return
    _print(rows, settings.model_id, language=settings.language)


async def _measure(address: str, key: str | None, model: str) -> list[dict[str, Any]]:
    draw = random.Random(SEED)  # noqa: S311  # prompts without meaning, the same each time
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=PATIENCE, trust_env=False
    ) as client:
        try:
            await _ask(client, model, "a", new_tokens=1)  # loads it, and wakes it
            return [await _together(client, model, n, draw) for n in STREAMS]
        except httpx.HTTPError as error:
            raise ServerUnreachable(address=address, problem=type(error).__name__) from error


async def _together(
    client: httpx.AsyncClient, model: str, n_streams: int, draw: random.Random
) -> dict[str, Any]:
    """So many answers at once, each to a prompt of its own that no cache knows."""
    prompts = [_prompt(draw) for _ in range(n_streams)]
    began_s = time.perf_counter()
    usages = await asyncio.gather(*(_ask(client, model, prompt, new_tokens=NEW_TOKENS) for prompt in prompts))
    wall_s = time.perf_counter() - began_s
    receipts = [usage["galerne"] for usage in usages]
    timings = [receipt["timing"] for receipt in receipts]
    prompt_tokens = sum(usage["prompt_tokens"] for usage in usages)
    new_tokens = sum(usage["completion_tokens"] for usage in usages)
    prefill_s = sum(timing["first_token_s"] - timing["queued_s"] for timing in timings)
    active_j = sum(receipt["energy_j"]["active"] for receipt in receipts)
    return {
        "n_streams": n_streams,
        "prompt_tokens": prompt_tokens,
        "new_tokens": new_tokens,
        "wall_s": wall_s,
        "prefill_tokens_per_s": prompt_tokens / prefill_s if prefill_s > 0 else None,
        "decode_tokens_per_s": sum(timing["tokens_per_s"] for timing in timings) / n_streams,
        "all_tokens_per_s": (prompt_tokens + new_tokens) / wall_s,
        "first_token_s": sum(timing["first_token_s"] for timing in timings) / n_streams,
        "j_per_token": active_j / new_tokens if new_tokens else None,
        "energy_method": receipts[0]["method"],
    }


def _prompt(draw: random.Random) -> str:
    return "".join(draw.choices(_LETTERS + " ", k=PROMPT_CHARACTERS))


async def _ask(client: httpx.AsyncClient, model: str, prompt: str, *, new_tokens: int) -> dict[str, Any]:
    body = {"model": model, "prompt": prompt, "max_tokens": new_tokens, "temperature": 0.0}
    response = await client.post("/v1/completions", json=body)
    if response.is_error:
        raise refusal(response)
    usage: dict[str, Any] = response.json()["usage"]
    return usage


def _print(rows: list[dict[str, Any]], model: str, *, language: Language) -> None:
    words = phrases("galerne.cli", language)
    table = plain_table(
        words["bench_streams"], words["bench_read"], words["bench_written"], words["bench_all"],
        words["first_token"], words["bench_energy"], words["method"],
        title=words["bench_title"].format(model=model), numeric_from=0,
    )  # fmt: skip
    for row in rows:
        table.add_row(
            str(row["n_streams"]),
            *(
                "–" if row[name] is None else f"{number(row[name], language=language)}{NARROW_SPACE}tok/s"
                for name in ("prefill_tokens_per_s", "decode_tokens_per_s", "all_tokens_per_s")
            ),
            str(quantity(row["first_token_s"], "s", language=language)),
            "–" if row["j_per_token"] is None else str(quantity(row["j_per_token"], "J", language=language)),
            words[f"method_{row['energy_method']}"],
        )
    make_console().print(table)
