"""The power goes at a random moment: every answer that was promised is there, once, and the books balance."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from galerne.ledger import total_row
from tests.ledger.bench import Bench

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, threading
from pathlib import Path
from tests.ledger.bench import Bench, make_facts
bench = Bench(Path(sys.argv[1]))
lock = threading.Lock()
def serve(name):
    number = 0
    while True:
        number += 1
        request_id = f"{name}-{number}"
        with lock:  # the fake meter and clock are not made for threads
            bench.begin(request_id)
            bench.accountant.prompt_read(request_id, prompt_tokens=9, cached_tokens=number % 9)
            bench.work(0.25, active_j=1.5)
            bench.accountant.tokens(request_id, n_tokens=3)
            promise = bench.accountant.finish(make_facts(request_id))
            if number % 3 == 0:
                bench.accountant.close_window()
        receipt = promise.result()
        sys.stdout.write(f"{receipt.receipt_id} {receipt.full_j!r}\\n")
        sys.stdout.flush()
threads = [threading.Thread(target=serve, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
"""


@pytest.mark.parametrize("seed", range(4))
def test_no_promised_answer_is_lost_or_doubled_by_a_kill(tmp_path: Path, seed: int) -> None:
    n_before_kill = random.Random(seed).randint(1, 200)
    path = tmp_path / "ledger.sqlite"
    promised: dict[str, float] = {}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.endswith("\n"):
                receipt_id, full_j = line.split()
                promised[receipt_id] = float(full_j)
            if len(promised) == n_before_kill:
                child.kill()
    assert len(promised) >= n_before_kill
    bench = Bench(path)  # starting again settles what the kill left
    report = bench.ledger.usage()
    for receipt_id, full_j in promised.items():
        assert bench.ledger.receipt(receipt_id, revision=1).full_j == full_j
        assert bench.ledger.receipt(receipt_id).status == "final"
    total = total_row(report)
    assert len(promised) <= total.n_answers <= len(promised) + 3
    assert total.n_provisional == 0
    assert report.adds_up
    bench.close()
