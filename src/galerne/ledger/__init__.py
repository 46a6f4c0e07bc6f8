"""What each answer cost: attribution of measured energy, impact, receipts, reports.

Front door: ``Accountant`` follows answers in flight, ``Ledger`` keeps and reports them.
"""

from galerne.ledger.accountant import Accountant
from galerne.ledger.attribution import WindowShares, attribute_window
from galerne.ledger.impact import Impact, impact_of
from galerne.ledger.receipt import Receipt
from galerne.ledger.records import (
    AccountEntry,
    Accounts,
    Answer,
    AnswerFacts,
    Factors,
    GridFactors,
    MachineFactors,
    Settlement,
)
from galerne.ledger.store import Events, Ledger
from galerne.ledger.usage import UsageReport, UsageRow, total_row

__all__ = [
    "AccountEntry",
    "Accountant",
    "Accounts",
    "Answer",
    "AnswerFacts",
    "Events",
    "Factors",
    "GridFactors",
    "Impact",
    "Ledger",
    "MachineFactors",
    "Receipt",
    "Settlement",
    "UsageReport",
    "UsageRow",
    "WindowShares",
    "attribute_window",
    "impact_of",
    "total_row",
]
