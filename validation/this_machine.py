"""Prediction against measurement on the machine that runs this: before any run, and after one.

``python -m validation.this_machine --save`` asks each model a few questions, one at a time, through the API
of a daemon in a folder of its own, and keeps what was predicted and what was measured for ``galerne
validate``. What other programs computed meanwhile is kept beside it: a busy machine says little about a
prediction.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from benchmarks import random_model
from benchmarks.fingerprint import fingerprint

from galerne.catalog import Catalog
from galerne.cli.daemon import attach_or_host, own_key
from galerne.cli.installed import installed
from galerne.cli.learned import RememberedRuns
from galerne.cli.recorded import RECORDED
from galerne.cli.runs import compare_runs
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.machine.bystanders import Bystanders
from galerne.machine.probe import probe_machine
from galerne.models import BUILTIN_MODEL_ID

QUESTION = "Tell me all that you know about this, as a long text without any list: "
PATIENCE_S = 600.0


def main() -> None:
    """Measure, compare, print; keep where asked."""
    parser = argparse.ArgumentParser(prog="python -m validation.this_machine", description=__doc__)
    parser.add_argument("--runs", type=int, default=6, help="answers of each model")
    parser.add_argument("--builtin-only", action="store_true", help="leave out the model of random weights")
    parser.add_argument("--save", action="store_true", help="keep the result for `galerne validate`")
    parser.add_argument("--note", default="", help="what a reader should know of this run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), n_runs=chosen.runs, builtin_only=chosen.builtin_only)
    result["note"] = chosen.note
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if chosen.save:
        RECORDED.write_text(text, encoding="utf-8")


def measure(folder: Path, *, n_runs: int, builtin_only: bool = False) -> dict[str, Any]:
    """Run the models in a data folder of their own, and compare."""
    clock = SystemClock()
    settings = read_settings(
        {
            "GALERNE_HOME": str(folder),
            "GALERNE_STORES": "none",
            "GALERNE_TUNE": "off",
            "GALERNE_MODELS": str(random_model.random_model().parent),
        }
    )
    catalog = Catalog(None)
    machine = probe_machine(catalog, cache_folder=folder, clock=clock)
    about = fingerprint()
    bystanders = Bystanders(clock=clock)
    with attach_or_host(settings) as address:
        for model_id in (BUILTIN_MODEL_ID, *(() if builtin_only else (random_model.MODEL_ID,))):
            _ask(address, settings, model_id, n_runs=n_runs)
    others_cores = bystanders.cores()
    rows = compare_runs(catalog, machine, RememberedRuns(folder, machine), installed(settings))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": about,
        "others_cores": round(others_cores, 2),
        "rows": [asdict(row) for row in rows],
    }


def _ask(address: str, settings: Settings, model_id: str, *, n_runs: int) -> None:
    """One answer after the other; the first wakes the engine and counts as the others do."""
    headers = {"Authorization": f"Bearer {key}"} if (key := own_key(settings)) else {}
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_S, trust_env=False) as client:
        for number in range(n_runs):
            body = {
                "model": model_id,
                "prompt": f"{number}. {QUESTION}" * 2,
                "max_tokens": 96,
                "temperature": 2.0,
                "top_k": 0,
                "seed": number,
            }
            client.post("/v1/completions", json=body).raise_for_status()


if __name__ == "__main__":
    main()
