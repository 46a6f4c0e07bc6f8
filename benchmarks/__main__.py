"""``python -m benchmarks``: measures everything in one run, in under ten minutes, and prints the tables.

``--save`` also keeps them: a file of ``results/`` for each benchmark and day, and ``docs/benchmarks.md``,
which shows the newest of each.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench_chat import measure_chat
from benchmarks.bench_gateway import measure_gateway
from benchmarks.bench_ledger import measure_ledger
from benchmarks.bench_overhead import measure_overhead
from benchmarks.bench_planner import measure_planner
from benchmarks.bench_start import measure_start
from benchmarks.fingerprint import fingerprint
from benchmarks.table import markdown_tables

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
PAGE = FOLDER.parent / "docs" / "benchmarks.md"
ORDER = ("overhead", "gateway", "start", "ledger", "chat", "planner")
MARKS = ("<!-- results -->", "<!-- /results -->")


def main() -> None:
    """Run what was asked for, once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help="overhead, gateway, start, ledger, chat, planner (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="turns of each comparison with the engine")
    parser.add_argument("--per-s", type=float, default=300.0, help="requests a second at the gateway")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each load on the gateway")
    parser.add_argument(
        "--answers", type=int, default=1_000_000, help="in the ledger; 10000000 for the whole"
    )
    parser.add_argument("--no-litellm", action="store_true", help="do not install or run LiteLLM's proxy")
    parser.add_argument("--save", action="store_true", help="keep the results and rewrite docs/benchmarks.md")
    parser.add_argument("--note", default="", help="what a reader should know of this run")
    chosen = parser.parse_args()
    measures: dict[str, Callable[[], Any]] = {
        "overhead": lambda: measure_overhead(n_rounds=chosen.rounds),
        "gateway": lambda: measure_gateway(
            per_s=chosen.per_s, duration_s=chosen.seconds, with_litellm=not chosen.no_litellm
        ),
        "start": measure_start,
        "ledger": lambda: measure_ledger(n_answers=chosen.answers),
        "chat": measure_chat,
        "planner": measure_planner,
    }
    if unknown := set(chosen.only) - set(measures):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    records = []
    for name in chosen.only or measures:
        records.append(_measured(name, measures[name], note=chosen.note))
        if chosen.save:
            _keep(records[-1])
    print(markdown_tables(records))


def _measured(name: str, measure: Callable[[], Any], *, note: str) -> dict[str, Any]:
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine, began_s = fingerprint(), time.perf_counter()
    figures = measure()
    print(f"{name}: {time.perf_counter() - began_s:.0f} s", file=sys.stderr)
    after = {"load_1_min": fingerprint()["load_1_min"]}
    return {
        "benchmark": name,
        "date": date,
        "note": note,
        "machine": machine,
        "figures": figures,
        "machine_after": after,
    }


def _keep(record: dict[str, Any]) -> None:
    """Each benchmark as soon as it is done: what follows may fail."""
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{record['date']}-{record['benchmark']}.json"
    kept.write_text(json.dumps(record, indent=1) + "\n")
    page = PAGE.read_text()
    before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{markdown_tables(newest())}\n\n{MARKS[1]}{after}")


def newest() -> list[dict[str, Any]]:
    """The last record of each benchmark that is kept, in the order of the page."""
    last = {}
    for path in sorted(RESULTS.glob("*.json")):  # by date
        record = json.loads(path.read_text())
        last[record["benchmark"]] = record
    return [last[name] for name in ORDER if name in last]


if __name__ == "__main__":
    main()
