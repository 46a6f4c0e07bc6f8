"""How long do a long conversation and a long history make one wait?

``python -m benchmarks.bench_chat``: opens a conversation of 2,000 messages over HTTP, and searches 100,000
messages, in a real SQLite store. Prints medians and the slowest of each; writes nothing.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from galerne.chat.client import ApiClient
from galerne.chat.records import ChatMessage, Conversation, MessageStatus
from galerne.chat.store import ChatStore, open_conversations
from galerne.chat.web import create_web
from galerne.clock import SystemClock
from galerne.storage import sqlite_url

WORDS = "galerne wind sea model joule token answer question river power carbon water site grid light".split()  # noqa: SIM905
N_MESSAGES = 100_000
N_LONG = 2_000
ROUNDS = 20
RICH = "\n\nSome `code`, **bold** and $x^2$:\n\n```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


def main() -> None:
    """Fill a store and measure."""
    with tempfile.TemporaryDirectory() as folder:
        opened = open_conversations(sqlite_url(Path(folder) / "chat.db"), clock=SystemClock())
        store = opened.of(None)
        draw = random.Random(4)  # noqa: S311 - made-up text
        started_s = time.perf_counter()
        store.add(_threads(draw))
        print(f"{N_MESSAGES} messages written in {time.perf_counter() - started_s:.1f} s")
        for query in ("g", "galerne", "galerne wind", "rare-77", "carb wat", "nothing"):
            _report(f"search {query!r}", lambda query=query: store.search(query))
        _open(opened)
        started_s = time.perf_counter()
        store.erase("c9")
        print(f"erase one conversation: {(time.perf_counter() - started_s) * 1e3:.0f} ms")
        opened.close()


def _open(store: ChatStore) -> None:
    web = create_web(ApiClient("http://127.0.0.1:9"), store=store)  # no daemon: what is measured is the page
    with TestClient(web) as browser:
        started_s = time.perf_counter()
        browser.get("/c/long").raise_for_status()
        print(
            f"open {N_LONG} messages, nothing drawn before: {(time.perf_counter() - started_s) * 1e3:.0f} ms"
        )
        _report(f"open {N_LONG} messages", lambda: browser.get("/c/long").raise_for_status())


def _report(name: str, work: Callable[[], object]) -> None:
    taken_s = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        work()
        taken_s.append(time.perf_counter() - started_s)
    print(f"{name}: median {statistics.median(taken_s) * 1e3:.1f} ms, slowest {max(taken_s) * 1e3:.1f} ms")


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


if __name__ == "__main__":
    main()
