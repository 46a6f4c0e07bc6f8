"""The chain from the grid to the last answer, in words and numbers for one reader.

Five stations and the arithmetic between them, from ``GET /v1/galerne/chain``. The page and the terminal draw
the same view. Power flows from the grid to the answer; the bill is read back from the answer to the grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.figures import Quantity, decimal, quantity, rate
from galerne.chat.bill.receipt import (
    PACKAGE,
    Source,
    machine_name,
    period_of,
    place_name,
    sources_of,
    total_water_l,
)
from galerne.language import Language, phrases

STATIONS = ("grid", "place", "machine", "engine", "answer")
ACCOUNTS = ("answers", "idle", "loading", "foreign", "unattributed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number of a station.

    Attributes:
        key: unique on the screen, such as ``grid.g_per_kwh``.
        method: ``published``, ``measured``, ``derived`` or ``modelled``.
    """

    key: str
    label: str
    amount: Quantity
    method: str
    method_label: str
    method_text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """One stop of the chain: its name, what it does, its figures (the first is the large one).

    Attributes:
        history: recent values for a sparkline, oldest first, from 0 up.
    """

    key: str
    title: str
    role: str
    detail: str
    figures: tuple[Figure, ...]
    history: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """The arithmetic between two stations.

    Attributes:
        key: ``grid``, ``site``, ``power`` or ``share``, from the grid to the answer.
        sums: one line each, such as ``61.0 J × 41.4 g/kWh = 702 µg``.
    """

    key: str
    label: str
    sums: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One account of the meter: its share of what was counted, 0 to 1."""

    key: str
    label: str
    amount: str
    share_ratio: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainView:
    """The whole screen.

    Attributes:
        power_ratio: power drawn now against the most drawn lately, or twice the idle power, 0 to 1.
        token_ratio: tokens per second now against what the model of performance expects, 0 to 1.
    """

    stations: tuple[Station, ...]
    links: tuple[Link, ...]
    accounts: tuple[Account, ...]
    accounts_text: str
    power_ratio: float
    token_ratio: float
    has_answer: bool


def view_chain(chain: Mapping[str, Any], *, language: Language) -> ChainView:
    """Put the chain into words."""
    writer = _Writer(chain=chain, language=language)
    answer = chain.get("answer")
    history_w = _floats(chain["machine"].get("history_w"))
    power_w = float(chain["machine"].get("power_w") or 0.0)
    idle_w = float(chain["machine"].get("idle_w") or 0.0)
    accounts, accounts_text = writer.accounts()
    return ChainView(
        stations=(writer.grid(), writer.place(), writer.machine(), writer.engine(), writer.answer()),
        links=writer.links(),
        accounts=accounts,
        accounts_text=accounts_text,
        power_ratio=_bounded(power_w, max([2 * idle_w, power_w, *history_w])),
        token_ratio=_bounded(
            float(chain["engine"].get("tokens_per_s") or 0.0),
            float(chain["engine"].get("expected_tokens_per_s") or 0.0),
        ),
        has_answer=answer is not None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    chain: Mapping[str, Any]
    language: Language

    def grid(self) -> Station:
        grid = self.chain["grid"]
        rows = [
            ("g_per_kwh", "g_per_kwh", "g/kWh"),
            ("direct_g_per_kwh", "direct_g_per_kwh", "g/kWh"),
            ("market_g_per_kwh", "market_g_per_kwh", "g/kWh"),
            ("eur_per_kwh", "eur_per_kwh", "€/kWh"),
            ("l_per_kwh", "l_per_kwh", "L/kWh"),
        ]
        figures = tuple(
            self._figure("grid", field, label, rate(grid[field], unit, language=self.language))
            for field, label, unit in rows
            if grid.get(field) is not None
        )
        period = period_of(grid, language=self.language)
        year = f" · {period}" if period else ""
        return self._station("grid", f"{grid.get('zone_name') or grid['zone']}{year}", figures)

    def place(self) -> Station:
        place = self.chain["place"]
        pue = Quantity(number=decimal(place["pue_ratio"], language=self.language, decimals=2), unit="")
        water = rate(place["onsite_water_l_per_kwh"], "L/kWh", language=self.language)
        figures = (
            self._figure("place", "pue_ratio", "pue_ratio", pue),
            self._figure("place", "onsite_water_l_per_kwh", "onsite_water", water),
        )
        return self._station("place", place_name(str(place["name"]), language=self.language), figures)

    def machine(self) -> Station:
        machine = self.chain["machine"]
        figures = [
            self._figure("machine", "power_w", "power_w", self._amount(machine["power_w"], "W")),
            self._figure("machine", "idle_w", "idle_w", self._amount(machine["idle_w"], "W")),
        ]
        if machine.get("memory_bytes"):
            memory = self._amount(machine["memory_bytes"], "B" if self.language is Language.ENGLISH else "o")
            figures.append(self._figure("machine", "memory_bytes", "memory", memory, method="measured"))
        return self._station(
            "machine",
            machine_name(str(machine["name"]), language=self.language),
            tuple(figures),
            history=_floats(machine.get("history_w")),
        )

    def engine(self) -> Station:
        engine = self.chain["engine"]
        say = phrases(PACKAGE, self.language)
        speed = rate(engine.get("tokens_per_s") or 0.0, say["tokens_per_s"], language=self.language)
        busy = say["of_slots"].format(n=engine.get("n_active", 0), total=engine.get("n_slots", 1))
        figures = [
            self._figure("engine", "tokens_per_s", "tokens_per_s", speed),
            self._figure("engine", "n_active", "active", Quantity(number=busy, unit=""), method="measured"),
        ]
        if engine.get("expected_tokens_per_s"):
            expected = rate(engine["expected_tokens_per_s"], say["tokens_per_s"], language=self.language)
            figures.append(
                self._figure("engine", "expected_tokens_per_s", "expected", expected, method="modelled")
            )
        return self._station(
            "engine",
            f"{engine.get('model_id') or ''} · {engine['kind']}".strip(" ·"),
            tuple(figures),
            history=_floats(engine.get("history_tokens_per_s")),
        )

    def answer(self) -> Station:
        answer = self.chain.get("answer")
        if answer is None:
            return self._station("answer", phrases(PACKAGE, self.language)["no_answer"], ())
        rows = [
            ("energy_j", "energy", answer["energy_j"]["full"], "J", ()),
            ("co2e_g", "co2", answer["co2e_g"]["use"], "g", ("g_per_kwh",)),
            ("water_l", "water", total_water_l(answer), "L", ("l_per_kwh", "onsite_water_l_per_kwh")),
            ("cost_eur", "cost", answer.get("cost_eur"), "€", ("eur_per_kwh",)),
            ("embodied_g", "embodied", answer["co2e_g"].get("embodied"), "g", ("embodied_g",)),
        ]
        figures = tuple(
            self._figure("answer", field, label, self._amount(value, unit), factors=factors)
            for field, label, value, unit, factors in rows
            if value is not None
        )
        return self._station("answer", str(answer.get("model") or ""), figures)

    def links(self) -> tuple[Link, ...]:
        answer = self.chain.get("answer")
        if answer is None:
            return (self._link("grid"), self._link("site"), self._power_link(), self._link("share"))
        return (*self._bill_links(answer), self._power_link(), self._share_link(answer))

    def accounts(self) -> tuple[tuple[Account, ...], str]:
        amounts_j: Mapping[str, float] = self.chain.get("accounts_j") or {}
        meter_j = float(amounts_j.get("meter") or 0.0)
        if meter_j <= 0:
            return (), ""
        say = phrases(PACKAGE, self.language)
        rows = tuple(
            Account(
                key=key,
                label=say[f"acc_{key}"],
                amount=str(self._amount(amounts_j[key], "J")),
                share_ratio=_bounded(amounts_j[key], meter_j),
            )
            for key in ACCOUNTS
            if amounts_j.get(key)
        )
        return rows, say["accounts_text"].format(meter=self._amount(meter_j, "J"))

    def _bill_links(self, answer: Mapping[str, Any]) -> tuple[Link, Link]:
        # Each factor is the one frozen in the receipt: the sum shown is the sum that was made.
        site_j = self._text(answer["facility_j"], "J")
        grid = answer["grid"]
        pue = f"PUE {decimal(answer['place']['pue_ratio'], language=self.language, decimals=2)}"
        factors = [
            (grid["g_per_kwh"], "g/kWh", self._text(answer["co2e_g"]["use"], "g")),
            (grid["l_per_kwh"], "L/kWh", self._text(answer["water_l"]["grid"], "L")),
        ]
        if answer.get("cost_eur") is not None:
            factors.insert(1, (grid["eur_per_kwh"], "€/kWh", self._text(answer["cost_eur"], "€")))
        sums = (f"{site_j} × {rate(by, unit, language=self.language)} = {made}" for by, unit, made in factors)
        plug_j = self._text(answer["energy_j"]["full"], "J")
        return self._link("grid", *sums), self._link("site", f"{plug_j} × {pue} = {site_j}")

    def _power_link(self) -> Link:
        machine, engine = self.chain["machine"], self.chain["engine"]
        power_w, tokens_per_s = float(machine["power_w"]), float(engine.get("tokens_per_s") or 0.0)
        power = self._text(power_w, "W")
        say = phrases(PACKAGE, self.language)
        if not tokens_per_s:
            at_rest = self._text(float(machine["idle_w"]), "W")
            return Link(key="power", label=say["link_power_idle"], sums=(at_rest,))
        speed = rate(tokens_per_s, say["tokens_per_s"], language=self.language)
        return self._link("power", f"{power} ÷ {speed} = {self._text(power_w / tokens_per_s, 'J')}")

    def _share_link(self, answer: Mapping[str, Any]) -> Link:
        active_j, full_j = answer["energy_j"]["active"], answer["energy_j"]["full"]
        parts = f"{self._text(active_j, 'J')} + {self._text(full_j - active_j, 'J')}"
        return self._link("share", f"{parts} = {self._text(full_j, 'J')}")

    def _link(self, key: str, *sums: str) -> Link:
        return Link(key=key, label=phrases(PACKAGE, self.language)[f"link_{key}"], sums=sums)

    def _station(
        self, key: str, detail: str, figures: tuple[Figure, ...], *, history: tuple[float, ...] = ()
    ) -> Station:
        say = phrases(PACKAGE, self.language)
        return Station(
            key=key,
            title=say[f"{key}_name"],
            role=say[f"{key}_role"],
            detail=detail,
            figures=figures,
            history=history,
        )

    def _figure(
        self,
        station: str,
        field: str,
        label: str,
        amount: Quantity,
        *,
        method: str | None = None,
        factors: tuple[str, ...] = (),
    ) -> Figure:
        document = self.chain[station]
        how = method or str(document.get("method") or "modelled")
        say = phrases(PACKAGE, self.language)
        return Figure(
            key=f"{station}.{field}",
            label=say[f"fig_{label}"],
            amount=amount,
            method=how,
            method_label=say[how],
            method_text=say[f"{how}_text"],
            sources=sources_of(document, *(factors or (field,))),
        )

    def _amount(self, value: float, unit: str) -> Quantity:
        return quantity(value, unit, language=self.language)

    def _text(self, value: float, unit: str) -> str:
        return str(self._amount(value, unit))


def _floats(values: Sequence[float] | None) -> tuple[float, ...]:
    return tuple(float(value) for value in values or ())


def _bounded(value: float, most: float) -> float:
    return min(1.0, max(0.0, value / most)) if most > 0 else 0.0
