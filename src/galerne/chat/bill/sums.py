"""The bill of a whole conversation, in one query over what each message's receipts add up to."""

from __future__ import annotations

import sqlalchemy as sa

from galerne.chat.bill.amounts import METHODS, Bill, least_sure
from galerne.chat.history.ownership import Owner, in_conversation_of
from galerne.chat.history.tables import SUMS, messages


def sum_receipts(connection: sa.Connection, conversation_id: str, *, owner: Owner) -> Bill:
    """What all answers of a conversation cost, those of other branches too."""
    receipts = sa.case((messages.c.energy_j.is_not(None), 1))
    query = sa.select(
        sa.func.count(receipts).label("n_receipts"),
        sa.func.count(messages.c.cost_eur).label("n_priced"),
        *(sa.func.coalesce(sa.func.sum(messages.c[name]), 0.0).label(name) for name in SUMS),
        *(sa.func.count(sa.case((messages.c.method == name, 1))).label(name) for name in METHODS),
    ).where(
        messages.c.conversation_id == conversation_id,
        in_conversation_of(owner, messages.c.conversation_id),
    )
    facts = dict(connection.execute(query).one()._mapping)
    facts["method"] = least_sure(name for name in METHODS if facts.pop(name))
    if facts.pop("n_priced") < facts["n_receipts"]:
        facts["cost_eur"] = None
    return Bill(**facts)
