"""What of a receipt the accelerators drew, on the wire."""

from __future__ import annotations

import dataclasses

from galerne.api.wire.receipt import joint_receipt_body, receipt_body
from galerne.ledger.receipt import receipt_of
from tests.contract.ledgers import make_answer, make_settlement


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
