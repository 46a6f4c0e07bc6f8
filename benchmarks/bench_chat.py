"""How long do a long conversation and a long history make one wait, and what does a stream cost?

``python -m benchmarks chat``: opens a conversation of 2,000 messages over HTTP, searches 100,000 messages in
a real SQLite store, weighs the first load, and streams answers at 30 tokens a second, alone and fifty at
once, from a page in a process of its own. Beside each wall time stands the processor time, which other
programs do not lengthen.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from starlette.testclient import TestClient

from benchmarks.chat_page import N_TOKENS, TOKENS_PER_S, token
from benchmarks.servers import announced, spawned
from galerne.chat.client.api import ApiClient
from galerne.chat.history.records import ChatMessage, Conversation, MessageStatus
from galerne.chat.history.store import ChatStore, open_conversations
from galerne.chat.web import create_web
from galerne.clock import SystemClock
from galerne.storage import sqlite_url

WORDS = "galerne wind sea model joule token answer question river power carbon water site grid light".split()  # noqa: SIM905
QUERIES = ("g", "galerne", "galerne wind", "rare-77", "carb wat", "nothing")
N_MESSAGES = 100_000
N_LONG = 2_000
N_STREAMS = 50
ROUNDS = 20
RICH = "\n\nSome `code`, **bold** and $x^2$:\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
OURS = {"sec-fetch-site": "same-origin", "accept": "application/json"}


def measure_chat() -> dict[str, Any]:
    """Fill a store and measure; then let a page stream."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_conversations(sqlite_url(Path(folder) / "chat.db"), clock=SystemClock())
        mine = store.of(None)
        mine.add(_threads(random.Random(4)))  # noqa: S311 - made-up text
        found = {query: _timed(lambda query=query: mine.search(query)) for query in QUERIES}
        opened = _open(store)
        started_s = time.perf_counter()
        mine.erase("c9")
        erase_s = time.perf_counter() - started_s
        store.close()
    return {
        "n_messages": N_MESSAGES,
        "n_long": N_LONG,
        "search_s": found,
        **opened,
        "erase_s": erase_s,
        "streams": {str(n): asyncio.run(_stream(n)) for n in (1, N_STREAMS)},
    }


def _open(store: ChatStore) -> dict[str, Any]:
    web = create_web(ApiClient("http://127.0.0.1:9"), store=store)  # no daemon: what is measured is the page
    with TestClient(web) as browser:
        page = browser.get("/")  # where everybody begins; templates are read here
        paths = set(re.findall(r'"(/static/[^"]+)"', page.text))  # modules' own imports are preloaded too
        sizes = [int(browser.get(path).headers["content-length"]) for path in paths]
        return {
            "first_load_bytes": sum(sizes) + int(page.headers["content-length"]),
            "first_load_requests": len(sizes) + 2,  # the page, and the budget under the question
            "open_first_s": _timed(lambda: browser.get("/c/long").raise_for_status(), n_rounds=1),
            "open_s": _timed(lambda: browser.get("/c/long").raise_for_status()),
        }


def _timed(work: Callable[[], object], *, n_rounds: int = ROUNDS) -> dict[str, float]:
    """Wall and processor time: medians, and the slowest."""
    wall_s, processor_s = [], []
    for _ in range(n_rounds):
        began_s, worked_s = time.perf_counter(), time.process_time()
        work()
        processor_s.append(time.process_time() - worked_s)
        wall_s.append(time.perf_counter() - began_s)
    return {
        "median_s": statistics.median(wall_s),
        "slowest_s": max(wall_s),
        "processor_s": statistics.median(processor_s),
    }


async def _stream(n_streams: int) -> dict[str, float]:
    """Answers read by as many pages: what they cost the server, and whether anything was lost."""
    whole = "".join(token(n) for n in range(N_TOKENS))
    with (
        tempfile.TemporaryDirectory() as folder,
        spawned([sys.executable, "-m", "benchmarks.chat_page", folder]) as process,
    ):
        server = psutil.Process(process.pid)
        async with httpx.AsyncClient(
            base_url=announced(process), timeout=120, headers=OURS, limits=httpx.Limits(max_connections=None)
        ) as browser:
            await _read(browser)  # what the first answer loads is not the cost of a stream
            before, began_s = server.cpu_times(), time.perf_counter()
            texts = await asyncio.gather(*(_read(browser) for _ in range(n_streams)))
            after, wall_s = server.cpu_times(), time.perf_counter() - began_s
        expected = "".join(re.sub(r"[*`\s]", "", whole))
        return {
            "core_ratio": (after.user + after.system - before.user - before.system)
            / (n_streams * N_TOKENS / TOKENS_PER_S),
            "wall_s": wall_s,
            "n_broken": sum(text != expected for text in texts),
        }


async def _read(browser: httpx.AsyncClient) -> str:
    """Ask, read every event of the answer, and return the text of its blocks."""
    asked = (await browser.post("/ui/answers", data={"question": "What turns the wheel?"})).json()
    blocks: dict[int, str] = {}
    async with browser.stream("GET", f"/ui/answers/{asked['answer']}/events") as response:
        async for line in response.aiter_lines():
            if line.startswith("data:") and "index" in (facts := json.loads(line[5:])):
                blocks[facts["index"]] = facts["html"]
    html = "".join(blocks[n] for n in range(len(blocks)))
    return re.sub(r"<[^>]+>|\s", "", html)


def _threads(draw: random.Random) -> list[tuple[Conversation, list[ChatMessage]]]:
    threads = [_thread(draw, "long", n_messages=N_LONG)]
    n_each = 20
    return threads + [
        _thread(draw, f"c{n}", n_messages=n_each) for n in range((N_MESSAGES - N_LONG) // n_each)
    ]


def _thread(draw: random.Random, name: str, *, n_messages: int) -> tuple[Conversation, list[ChatMessage]]:
    at = draw.uniform(1.7e9, 1.79e9)
    conversation = Conversation(id=name, title=f"About {draw.choice(WORDS)}", created_at=at, changed_at=at)
    return conversation, [
        ChatMessage(
            id=f"{name}-{n}",
            conversation_id=name,
            parent_id=f"{name}-{n - 1}" if n else None,
            role="assistant" if n % 2 else "user",
            content=" ".join(draw.choices(WORDS, k=60))
            + f" rare-{draw.randrange(10_000)}"
            + (RICH if n % 2 else ""),
            status=MessageStatus.DONE,
            model_id=None,
            problem_code=None,
            receipt_id=None,
            receipt=None,
            created_at=at,
        )
        for n in range(n_messages)
    ]
