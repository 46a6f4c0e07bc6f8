from __future__ import annotations

import re

from galerne.ledger.ids import sortable_id


def test_ids_sort_by_time_and_differ_within_an_instant():
    made = [sortable_id("rcpt", at) for at in (0.0, 1e9, 1e9 + 0.002, 1e10)]
    assert made == sorted(made)
    assert sortable_id("rcpt", 1e9) != sortable_id("rcpt", 1e9)


def test_an_id_is_its_prefix_and_26_letters():
    assert re.fullmatch(r"rcpt_[0-9A-HJKMNP-TV-Z]{26}", sortable_id("rcpt", 1.8e9))
    assert sortable_id("rcpt", 0.0, random_bytes=bytes) == "rcpt_" + "0" * 26
    assert sortable_id("rcpt", -5.0, random_bytes=bytes) == "rcpt_" + "0" * 26
