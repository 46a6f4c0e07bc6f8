"""``python -m benchmarks``: measures, and writes ``results/<date>.json`` and the table in ``README.md``."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

from benchmarks.bench_overhead import measure_overhead
from benchmarks.fingerprint import fingerprint
from benchmarks.table import markdown_table

FOLDER = Path(__file__).parent
MARKS = ("<!-- results -->", "<!-- /results -->")


def main() -> None:
    """Run every benchmark once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="repetitions of each measurement")
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    parser.add_argument("--note", default="", help="what a reader should know of this run")
    chosen = parser.parse_args()
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "note": chosen.note,
        "machine": fingerprint(),
        "overhead": measure_overhead(n_rounds=chosen.rounds),
    }
    result["machine_after"] = {"load_1_min": fingerprint()["load_1_min"]}
    table = markdown_table(result)
    print(table)
    if chosen.dry:
        return
    (FOLDER / "results").mkdir(exist_ok=True)
    (FOLDER / "results" / f"{result['date']}.json").write_text(json.dumps(result, indent=1) + "\n")
    readme = FOLDER / "README.md"
    text = readme.read_text()
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    readme.write_text(f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{after}")


main()
