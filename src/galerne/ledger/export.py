"""The ledger as text: every event as it was sealed, or one line per answer for a spreadsheet."""

from __future__ import annotations

import csv
import datetime
import json
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, select

from galerne.ledger.audit import sealed_events
from galerne.ledger.chain import event_fields
from galerne.ledger.receipt import Receipt, receipt_of
from galerne.ledger.rows import answer_of, settlement_of
from galerne.ledger.schema import ANSWERS, CHAINS, FACTORS, SETTLEMENTS
from galerne.storage import reading

COLUMNS = (
    "receipt_id", "at", "status", "revision", "method", "key_id", "node_id", "model", "finish_reason",
    "prompt_tokens", "cached_tokens", "new_tokens", "active_j", "full_j", "accelerator_j", "host_j",
    "facility_j", "use_co2_g", "embodied_co2_g", "site_water_l", "grid_water_l", "cost_eur", "zone", "place",
)  # fmt: skip
"""The columns of the spreadsheet."""
_PAGE = 1000


class Written(Protocol):
    """Where text goes: a file, or whatever takes it as one does."""

    def write(self, text: str, /) -> object:
        """Take the next piece."""
        ...


def export_events(engine: Engine, out: Written) -> int:
    """Write the whole ledger as JSON lines, from which every link of the chains can be computed again.

    First the frozen factors, then each writer's events in the order of its chain, then its head.

    Returns:
        How many events.
    """
    n_events = 0
    with reading(engine) as connection:
        for row in connection.execute(select(FACTORS).order_by(FACTORS.c.factors_id)):
            _write(
                out, {"kind": "factors", "factors_id": row.factors_id, "contents": json.loads(row.contents)}
            )
        for chain in connection.execute(select(CHAINS).order_by(CHAINS.c.writer_id)).all():
            for kind, event in sealed_events(connection, chain.writer_id):
                sealed = {"writer_id": chain.writer_id, "position": event["position"]}
                link = bytes(event["link"]).hex()
                _write(out, {"kind": kind, **sealed, **event_fields(kind, event), "link": link})
                n_events += 1
            head = {"writer_id": chain.writer_id, "n_events": chain.n_events, "head": bytes(chain.head).hex()}
            _write(out, {"kind": "head", **head})
    return n_events


def export_receipts(
    engine: Engine, out: Written, *, since_at: float | None = None, until_at: float | None = None
) -> int:
    """Write one line of comma-separated values per answer, at its latest revision.

    Returns:
        How many answers.
    """
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    n_answers, after = 0, -1
    with reading(engine) as connection:
        while page := _receipts(connection, after=after, since_at=since_at, until_at=until_at):
            for number, receipt in page:
                writer.writerow(_line(receipt))
                after = number
            n_answers += len(page)
    return n_answers


def _receipts(
    connection: Connection, *, after: int, since_at: float | None, until_at: float | None
) -> list[tuple[int, Receipt]]:
    query = (
        select(*ANSWERS.c, FACTORS.c.contents)
        .join(FACTORS, FACTORS.c.factors_id == ANSWERS.c.factors_id)
        .where(ANSWERS.c.number > after)
        .order_by(ANSWERS.c.number)
        .limit(_PAGE)
    )
    if since_at is not None:
        query = query.where(ANSWERS.c.at >= since_at)
    if until_at is not None:
        query = query.where(ANSWERS.c.at < until_at)
    answers = {row["number"]: answer_of(row) for row in connection.execute(query).mappings()}
    wanted = [answer.answer_id for answer in answers.values()]
    settlements = connection.execute(
        select(SETTLEMENTS).where(SETTLEMENTS.c.answer_id.in_(wanted)).order_by(SETTLEMENTS.c.revision)
    ).mappings()
    latest = {row["answer_id"]: settlement_of(row) for row in settlements}
    return [
        (number, receipt_of(answer, latest[answer.answer_id]))
        for number, answer in answers.items()
        if answer.answer_id in latest
    ]


def _line(receipt: Receipt) -> dict[str, Any]:
    answer, usage, impact = receipt.answer, receipt.answer.usage, receipt.impact
    return {
        "receipt_id": receipt.receipt_id,
        "at": datetime.datetime.fromtimestamp(answer.at, datetime.UTC).isoformat(timespec="milliseconds"),
        "status": receipt.status,
        "revision": receipt.revision,
        "method": receipt.method,
        "key_id": answer.key_id or "",
        "node_id": answer.node_id,
        "model": answer.model_id,
        "finish_reason": answer.finish_reason.value,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "new_tokens": usage.new_tokens,
        "active_j": receipt.active_j,
        "full_j": receipt.full_j,
        "accelerator_j": "" if receipt.accelerator_j is None else receipt.accelerator_j,
        "host_j": "" if receipt.host_j is None else receipt.host_j,
        "facility_j": impact.facility_j,
        "use_co2_g": impact.use_co2_g,
        "embodied_co2_g": impact.embodied_co2_g,
        "site_water_l": impact.site_water_l,
        "grid_water_l": impact.grid_water_l,
        "cost_eur": "" if impact.cost_eur is None else impact.cost_eur,
        "zone": answer.factors.grid.zone,
        "place": answer.factors.place,
    }


def _write(out: Written, line: dict[str, Any]) -> None:
    out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
