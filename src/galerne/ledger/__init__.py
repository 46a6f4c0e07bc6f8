"""What each answer cost: attribution of measured energy, impact, receipts, reports.

Front door: ``Accountant`` follows answers in flight, ``Ledger`` keeps and reports them; ``Keys`` and
``Quotas``, which it holds, say who may ask and how much.
"""

from galerne.ledger.accountant import Accountant
from galerne.ledger.attribution import WindowShares, attribute_window
from galerne.ledger.audit import ChainHead
from galerne.ledger.events import Events
from galerne.ledger.impact import Impact, Tokens, impact_of, price_eur
from galerne.ledger.keys import ApiKey, Keys, Scope, hash_key
from galerne.ledger.limits import (
    OWNER_OF_MACHINE,
    PARTS,
    Limit,
    Payer,
    Period,
    Priority,
    Standing,
    Unit,
    parts_of,
    payer_of_person,
)
from galerne.ledger.prices import PriceBook, read_prices
from galerne.ledger.quotas import Hold, Quotas
from galerne.ledger.receipt import Receipt
from galerne.ledger.records import (
    AccountEntry,
    Accounts,
    Answer,
    AnswerFacts,
    Factors,
    GridFactors,
    MachineFactors,
    PriceFactors,
    Settlement,
)
from galerne.ledger.store import Ledger
from galerne.ledger.usage import GROUPINGS, Metered, UsageReport, UsageRow, total_row

__all__ = [
    "GROUPINGS",
    "OWNER_OF_MACHINE",
    "PARTS",
    "AccountEntry",
    "Accountant",
    "Accounts",
    "Answer",
    "AnswerFacts",
    "ApiKey",
    "ChainHead",
    "Events",
    "Factors",
    "GridFactors",
    "Hold",
    "Impact",
    "Keys",
    "Ledger",
    "Limit",
    "MachineFactors",
    "Metered",
    "Payer",
    "Period",
    "PriceBook",
    "PriceFactors",
    "Priority",
    "Quotas",
    "Receipt",
    "Scope",
    "Settlement",
    "Standing",
    "Tokens",
    "Unit",
    "UsageReport",
    "UsageRow",
    "WindowShares",
    "attribute_window",
    "hash_key",
    "impact_of",
    "parts_of",
    "payer_of_person",
    "price_eur",
    "read_prices",
    "total_row",
]
