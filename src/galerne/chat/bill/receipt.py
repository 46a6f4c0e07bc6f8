"""A receipt in words: the line under an answer and the sheet that explains each number.

Takes the receipt object of the API and gives text in the reader's language; the browser and the terminal
show the same. Nothing is computed here that the ledger has not computed, except sums of what it gives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from galerne.chat.bill.figures import Quantity, decimal, duration, quantity, rate
from galerne.language import Language, phrases
from galerne.units import KWH_J

PACKAGE = "galerne.chat"
_CORES = re.compile(r"\b(\d+) cores?\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a figure comes from."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One number of the sheet.

    Attributes:
        key: ``energy``, ``facility``, ``co2``, ``water``, ``cost`` or ``speed``.
        label: what it is.
        amount: the number, written.
        text: how it was made.
        sources: of the factors in it.
    """

    key: str
    label: str
    amount: str
    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptView:
    """A receipt as a person reads it.

    Attributes:
        amounts: the short line, by key: ``energy``, ``co2``, ``water``, ``cost``, ``speed``.
        interval: how far the energy may be off; empty where it is not known.
    """

    receipt_id: str
    final: bool
    status: str
    method: str
    method_label: str
    method_text: str
    amounts: tuple[tuple[str, str, str], ...]
    interval: str
    revision: str
    explanations: tuple[Explanation, ...]


def view_receipt(receipt: Mapping[str, Any], *, language: Language) -> ReceiptView:
    """Put a receipt into words."""
    say = phrases(PACKAGE, language)
    sheet = _explain(receipt, language=language)
    short = {row.key: row for row in sheet}
    amounts = tuple(
        (key, short[key].label, short[key].amount)
        for key in ("energy", "co2", "water", "cost", "speed")
        if key in short
    )
    method = str(receipt.get("method", "modelled"))
    return ReceiptView(
        receipt_id=str(receipt["id"]),
        final=receipt.get("status") == "final",
        status=say[str(receipt.get("status", "provisional"))],
        method=method,
        method_label=say[method],
        method_text=say[f"{method}_text"],
        amounts=amounts,
        interval=_interval(receipt, language=language),
        revision=say["revision"].format(n=receipt.get("revision", 1)),
        explanations=sheet,
    )


def receipt_line(view: ReceiptView) -> str:
    """The line under an answer, as plain text."""
    said = {"co2": "CO₂e", **{key: label.lower() for key, label, _ in view.amounts if key == "cost"}}
    amounts = " · ".join(f"{amount} {said.get(key, '')}".strip() for key, _, amount in view.amounts)
    label = ", ".join(part for part in (view.method_label, view.interval) if part)
    return f"{amounts} · {label}"


def total_co2_g(receipt: Mapping[str, Any]) -> float:
    """Use plus embodied, where the latter is known."""
    parts: Mapping[str, float | None] = receipt["co2e_g"]
    return sum(value or 0.0 for value in parts.values())


def total_water_l(receipt: Mapping[str, Any]) -> float:
    """Water of the site plus water of the power stations."""
    parts: Mapping[str, float | None] = receipt["water_l"]
    return sum(value or 0.0 for value in parts.values())


def _interval(receipt: Mapping[str, Any], *, language: Language) -> str:
    bounds = receipt.get("interval_ratio")
    if not bounds:
        return ""
    energy_j = float(receipt["energy_j"]["full"])
    low, high = (str(quantity(energy_j * ratio, "J", language=language, digits=2)) for ratio in bounds)
    return phrases(PACKAGE, language)["interval"].format(low=low, high=high)


def _explain(receipt: Mapping[str, Any], *, language: Language) -> tuple[Explanation, ...]:
    writer = _Writer(receipt=receipt, language=language)
    rows = [writer.energy(), writer.facility(), writer.co2(), writer.water()]
    if receipt.get("cost_eur") is not None or receipt.get("price_eur") is not None:
        rows.append(writer.cost())
    if receipt.get("timing", {}).get("tokens_per_s"):
        rows.append(writer.speed())
    return tuple(rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    receipt: Mapping[str, Any]
    language: Language

    def energy(self) -> Explanation:
        energy_j = self.receipt["energy_j"]
        idle_j = energy_j["full"] - energy_j["active"]
        return self._row(
            "energy",
            self._amount(energy_j["full"], "J"),
            active=self._amount(energy_j["active"], "J"),
            idle=self._amount(idle_j, "J"),
            sources=self._sources("idle_w"),
            beside=self._rest() + self._parts(),
        )

    def _rest(self) -> str:
        """What the machine draws at rest, and how that is known."""
        idle = self.receipt.get("idle")
        if not idle:
            return ""
        power = str(quantity(idle["power_w"], "W", language=self.language))
        return phrases(PACKAGE, self.language)[f"at_rest_{idle['method']}"].format(power=power)

    def _parts(self) -> str:
        """What the accelerators drew of it, where there are any and the meter tells them apart."""
        energy_j = self.receipt["energy_j"]
        if not energy_j.get("accelerator"):
            return ""
        amounts = {name: self._amount(energy_j[name] or 0.0, "J") for name in ("accelerator", "host")}
        return phrases(PACKAGE, self.language)["energy_parts"].format(**amounts)

    def facility(self) -> Explanation:
        place = self.receipt["place"]
        return self._row(
            "facility",
            self._facility(),
            sources=self._sources("pue_ratio"),
            it=self._amount(self.receipt["energy_j"]["full"], "J"),
            pue=decimal(place["pue_ratio"], language=self.language, decimals=2),
            place=place_name(str(place["name"]), language=self.language),
        )

    def co2(self) -> Explanation:
        grid, grams = self.receipt["grid"], self.receipt["co2e_g"]
        say = phrases(PACKAGE, self.language)
        embodied_g = grams.get("embodied")
        return self._row(
            "co2",
            self._amount(total_co2_g(self.receipt), "g"),
            text_key="co2_text" if embodied_g is not None else "co2_text_short",
            sources=self._sources("g_per_kwh", "embodied_g", "direct_g_per_kwh", "market_g_per_kwh"),
            beside=self._beside(),
            facility=self._facility(),
            intensity=self._rate(grid["g_per_kwh"], "g/kWh"),
            zone=grid["zone"],
            year=period_of(grid, language=self.language),
            basis=say.get(str(grid.get("basis")), str(grid.get("basis", ""))),
            use=self._amount(grams["use"], "g"),
            embodied=self._amount(embodied_g or 0.0, "g"),
        )

    def _beside(self) -> str:
        """The same electricity counted otherwise: said, and never added."""
        say = phrases(PACKAGE, self.language)
        grams = self.receipt.get("co2e_beside_g") or {}
        return "".join(
            say[f"beside_{name}"].format(amount=self._amount(grams[name], "g"))
            for name in ("direct", "market")
            if grams.get(name) is not None
        )

    def water(self) -> Explanation:
        return self._row(
            "water",
            self._amount(total_water_l(self.receipt), "L"),
            sources=self._sources("onsite_water_l_per_kwh", "l_per_kwh"),
            it=self._amount(self.receipt["energy_j"]["full"], "J"),
            onsite=self._rate(self.receipt["place"]["onsite_water_l_per_kwh"], "L/kWh"),
            facility=self._facility(),
            grid=self._rate(self.receipt["grid"]["l_per_kwh"], "L/kWh"),
        )

    def cost(self) -> Explanation:
        """The operator's price where one is set; else the electricity alone."""
        price_eur = self.receipt.get("price_eur")
        if price_eur is not None:
            say = phrases(PACKAGE, self.language)
            return Explanation(
                key="cost",
                label=say["price"],
                amount=self._amount(price_eur, "€"),
                text=say["price_text"].format(electricity=self._amount(self.receipt["cost_eur"] or 0.0, "€")),
                sources=self._sources("price_eur", "eur_per_kwh"),
            )
        return self._row(
            "cost",
            self._amount(self.receipt["cost_eur"], "€"),
            sources=self._sources("eur_per_kwh"),
            facility=self._facility(),
            price=self._rate(self.receipt["grid"]["eur_per_kwh"], "€/kWh"),
        )

    def speed(self) -> Explanation:
        timing = self.receipt["timing"]
        unit = phrases(PACKAGE, self.language)["tokens_per_s"]
        return self._row(
            "speed",
            str(rate(timing["tokens_per_s"], unit, language=self.language, digits=2)),
            first=str(duration(timing.get("first_token_s") or 0.0, language=self.language)),
            queued=str(duration(timing.get("queued_s") or 0.0, language=self.language)),
        )

    def _row(
        self,
        key: str,
        amount: str,
        *,
        text_key: str = "",
        sources: tuple[Source, ...] = (),
        **facts: Any,
    ) -> Explanation:
        say = phrases(PACKAGE, self.language)
        text = say[text_key or f"{key}_text"].format(**facts) + facts.get("beside", "")
        return Explanation(key=key, label=say[key], amount=amount, text=text, sources=sources)

    def _amount(self, value: float, unit: str) -> str:
        return str(quantity(value, unit, language=self.language, digits=2))

    def _rate(self, value: float, unit: str) -> str:
        return str(rate(value, unit, language=self.language))

    def _facility(self) -> str:
        return self._amount(self.receipt["facility_j"], "J")

    def _sources(self, *fields: str) -> tuple[Source, ...]:
        return sources_of(self.receipt, *fields)


def period_of(grid: Mapping[str, Any], *, language: Language) -> str:
    """What time a grid figure holds for: a year, the same month and hour of one, or an instant (UTC)."""
    words = phrases(PACKAGE, language)
    as_of_at = grid.get("as_of_at")
    if as_of_at is not None:
        instant = datetime.fromtimestamp(float(as_of_at), tz=UTC)
        return words["period_live"].format(day=f"{instant:%Y-%m-%d}", time=f"{instant:%H:%M}")
    key = "period_profile" if grid.get("kind") == "profile" else "period_annual"
    return words[key].format(year=grid.get("year", "")).strip()


def place_name(name: str, *, language: Language) -> str:
    """A place in the reader's words, where we have some."""
    return phrases(PACKAGE, language).get(f"place_{name}", name)


def machine_name(name: str, *, language: Language) -> str:
    """A machine's name with its cores counted in the reader's words."""
    words = phrases(PACKAGE, language)
    return _CORES.sub(
        lambda found: words["machine_core" if found[1] == "1" else "machine_cores"].format(n=found[1]), name
    )


def sources_of(document: Mapping[str, Any], *fields: str) -> tuple[Source, ...]:
    """The sources of some fields of an API document, each once, as titles and addresses."""
    table: Mapping[str, Any] = document.get("sources") or {}
    found = {}
    for field in fields:
        entry = table.get(field)
        if isinstance(entry, Mapping):
            found[entry.get("key")] = Source(title=str(entry["title"]), url=str(entry.get("url") or ""))
    return tuple(found.values())


def watt_hours(energy_j: float, *, language: Language) -> Quantity:
    """An energy in watt-hours, for those who read their meter in them."""
    return quantity(energy_j / KWH_J * 1000, "Wh", language=language, digits=2)
