"""What a crash left unsettled, settled when the node starts again.

A killed node leaves provisional settlements without a final one, and windows whose energy was given to
answers that never ended. The rule keeps every promise made to a client and every sum exact:

* a provisional share becomes final as it stands;
* energy given to answers, in windows that were written, beyond these shares becomes unattributed;
* where the shares exceed it, because they had counted a window that was read but never written, the excess
  was metered all the same and is added to the meter's account.
"""

from __future__ import annotations

import dataclasses

from galerne.ledger.events import Events
from galerne.ledger.ids import sortable_id
from galerne.ledger.records import AccountEntry
from galerne.ledger.store import Ledger
from galerne.machine.meter import METHODS

ABSENT_S = 86_400.0
"""A node of a shared database that has been silent for a day does not come back to settle its answers: one
that works writes every minute."""


def recover_all(ledger: Ledger, node_id: str, *, at: float) -> None:
    """Settle what this node's last life left open, and what nodes that do not come back did.

    A SQLite file has one daemon: every other node in it is of the past.

    Raises:
        StoreUnreachable: the database does not answer.
    """
    recover(ledger, node_id, at=at)
    for other_id, seen_at in ledger.open_nodes().items():
        if other_id != node_id and (not ledger.is_shared or seen_at < at - ABSENT_S):
            recover(ledger, other_id, at=at)


def recover(ledger: Ledger, node_id: str, *, at: float) -> Events:
    """Settle what this node's last life left open; returns what was written.

    Raises:
        StoreUnreachable: the database does not answer.
    """
    last = ledger.last_entry(node_id)
    left_uj = last.open_uj if last else 0
    open_settlements = ledger.open_settlements(node_id)
    if not open_settlements and left_uj == 0:
        return Events()
    finals = [
        dataclasses.replace(settlement, revision=settlement.revision + 1, final=True, at=at)
        for settlement in open_settlements
    ]
    excess_uj = sum(final.active_uj + final.idle_uj for final in finals) - left_uj
    methods = [final.method for final in finals] + ([last.method] if last else [])
    entry = AccountEntry(
        entry_id=sortable_id("acct", at),
        node_id=node_id,
        started_at=min([final.started_at for final in finals] + ([last.ended_at] if last else [])),
        ended_at=at,
        meter_uj=max(0, excess_uj),
        answers_uj=excess_uj,
        idle_uj=0,
        loading_uj=0,
        foreign_uj=0,
        unattributed_uj=max(0, -excess_uj),
        open_uj=0,
        method=max(methods, key=METHODS.index),
        coverage_ratio=min([final.coverage_ratio for final in finals] or [1.0]),
    )
    events = Events(settlements=finals, entries=[entry])
    ledger.append(events, writer_id=node_id)
    return events
