"""The bill of a conversation in words."""

from __future__ import annotations

from dataclasses import dataclass

from galerne.chat.bill.amounts import Bill
from galerne.chat.bill.figures import decimal, quantity
from galerne.chat.bill.receipt import PACKAGE
from galerne.language import Language, phrases


@dataclass(frozen=True, kw_only=True, slots=True)
class BillView:
    """A bill as a person reads it.

    Attributes:
        amounts: key, label and number of ``energy``, ``co2``, ``water`` and ``cost``.
        method: of the least sure receipt in it.
        text: what the sum is of, and between which bounds.
    """

    amounts: tuple[tuple[str, str, str], ...]
    method: str
    method_label: str
    text: str


def view_bill(bill: Bill, *, language: Language) -> BillView | None:
    """Put a bill into words; ``None`` where nothing was paid yet."""
    if bill.n_receipts == 0:
        return None
    say = phrases(PACKAGE, language)
    low, high = (
        str(quantity(bound_j, "J", language=language, digits=2)) for bound_j in (bill.low_j, bill.high_j)
    )
    figures = [("energy", bill.energy_j, "J"), ("co2", bill.co2e_g, "g"), ("water", bill.water_l, "L")]
    if bill.cost_eur is not None:
        figures.append(("cost", bill.cost_eur, "€"))
    words = say["bill_text_one"] if bill.n_receipts == 1 else say["bill_text"]
    return BillView(
        amounts=tuple(
            (key, say[key], str(quantity(value, unit, language=language, digits=2)))
            for key, value, unit in figures
        ),
        method=bill.method,
        method_label=say.get(bill.method, bill.method),
        text=words.format(n=decimal(bill.n_receipts, language=language, decimals=0), low=low, high=high),
    )


def bill_line(view: BillView) -> str:
    """The bill as one line of plain text."""
    amounts = (f"{amount} CO₂e" if key == "co2" else amount for key, _, amount in view.amounts)
    return " · ".join([*amounts, view.method_label])
