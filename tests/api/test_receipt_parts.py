"""What of a receipt the accelerators drew, on the wire."""

from __future__ import annotations

import dataclasses

from galerne.api.wire.receipt import joint_receipt_body, receipt_body, sourced_receipt_body
from galerne.ledger.receipt import receipt_of
from tests.contract.ledgers import make_answer, make_settlement
from tests.ledger.bench import FACTORS


def receipt(*, accelerator_uj):
    answer = make_answer(1)
    settlement = make_settlement(answer, active_uj=400_000)
    return receipt_of(answer, dataclasses.replace(settlement, accelerator_uj=accelerator_uj))


def test_the_parts_are_there_where_the_meter_tells_them_and_add_up():
    body = receipt_body(receipt(accelerator_uj=300_000)).model_dump()["energy_j"]
    assert body == {"active": 0.4, "full": 0.4001, "accelerator": 0.3, "host": 0.4001 - 0.3}
    assert receipt_body(receipt(accelerator_uj=None)).model_dump()["energy_j"].keys() == {"active", "full"}


def test_several_answers_have_parts_together_where_each_has():
    known, unknown = receipt(accelerator_uj=300_000), receipt(accelerator_uj=None)
    assert joint_receipt_body([known, known]).model_dump()["energy_j"]["accelerator"] == 0.6
    assert "accelerator" not in joint_receipt_body([known, unknown]).model_dump()["energy_j"]


def test_a_receipt_with_its_sources_says_what_was_taken_for_the_power_at_rest():
    assert sourced_receipt_body(receipt(accelerator_uj=0), {}).idle is None
    rested = dataclasses.replace(
        FACTORS.machine, idle_w=3.5, idle_method="measured", idle_source="galerne-idle"
    )
    answer = make_answer(1, factors=dataclasses.replace(FACTORS, machine=rested))
    body = sourced_receipt_body(receipt_of(answer, make_settlement(answer)), {}).model_dump()
    assert body["idle"] == {"power_w": 3.5, "method": "measured"}
    assert body["sources"]["idle_w"]["key"] == "galerne-idle"
