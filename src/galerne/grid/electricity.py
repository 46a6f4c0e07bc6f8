"""The electricity of this place, now: zone, live reading or packaged figures, contract and tariff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from galerne.catalog import Catalog
from galerne.clock import Clock
from galerne.errors import NoSignal
from galerne.grid.live import LiveGrid
from galerne.grid.profile import PROFILE_SOURCE, direct_profile, lifecycle_profile_g_per_kwh
from galerne.grid.signal import GridSignal, annual_signal
from galerne.grid.tariff import Tariff
from galerne.units import HOUR_S

CONTRACT_SOURCE = "user-contract"
"""Source key of the factor of the user's contract."""


class Electricity:
    """Gives the signal of now, without ever waiting.

    Args:
        catalog: has the packaged figures.
        zone: code or name of the zone.
        clock: time.
        live: what is asked over the network; None where the user asked for nothing.
        shaped: whether to shape the yearly figure by month and hour where a profile is known.
        tariff: what the user pays; None for the zone's industrial price.
        market_g_per_kwh: factor of the user's contract.
        market_source: the user's words on where it comes from.

    Raises:
        NoSignal: the zone is not known, or has no price and none was given.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        zone: str,
        clock: Clock,
        live: LiveGrid | None = None,
        shaped: bool = False,
        tariff: Tariff | None = None,
        market_g_per_kwh: float | None = None,
        market_source: str = CONTRACT_SOURCE,
    ) -> None:
        self._catalog = catalog
        self._zone = zone
        self._clock = clock
        self._live = live
        self._shaped = shaped or live is not None
        self._tariff = tariff
        self._market_g_per_kwh = market_g_per_kwh
        self._market_source = market_source
        self._latest: tuple[int, GridSignal] | None = None
        self.now()

    def now(self) -> GridSignal:
        """The best figures that are at hand: live, else by month and hour where asked for, else yearly.

        Answers of the same second share them.
        """
        at = self._clock.now_at()
        if self._latest is None or self._latest[0] != int(at):
            self._latest = int(at), self._signal(at)
        return self._latest[1]

    def _signal(self, at: float) -> GridSignal:
        signal = self._price(at)
        signal = self._emissions(signal, at)
        if self._market_g_per_kwh is None:
            return signal
        sources = _with(signal.sources, market_g_per_kwh=self._market_source)
        return replace(signal, market_g_per_kwh=self._market_g_per_kwh, sources=sources)

    def _emissions(self, signal: GridSignal, at: float) -> GridSignal:
        if self._live is not None:
            if (reading := self._live.reading()) is not None:
                named = {"g_per_kwh": reading.source}
                if reading.direct_g_per_kwh is not None:
                    named["direct_g_per_kwh"] = reading.source
                return replace(
                    signal,
                    kind="live",
                    g_per_kwh=reading.g_per_kwh,
                    direct_g_per_kwh=reading.direct_g_per_kwh,
                    as_of_at=reading.as_of_at,
                    year=datetime.fromtimestamp(reading.as_of_at, tz=UTC).year,
                    sources=_with(signal.sources, **named),
                )
            why = self._live.problem or "no answer yet"
            signal = replace(signal, missing=_joined(signal.missing, f"{self._live.source}: {why}"))
        return self._packaged(signal, at)

    def _packaged(self, signal: GridSignal, at: float) -> GridSignal:
        profile = direct_profile(signal.zone)
        if profile is None:
            return signal
        sources = _with(signal.sources, direct_g_per_kwh=profile.source)
        signal = replace(signal, direct_g_per_kwh=profile.direct_g_per_kwh(at), sources=sources)
        shaped = lifecycle_profile_g_per_kwh(self._catalog, signal.zone, at) if self._shaped else None
        if shaped is None:
            return signal
        sources = _with(sources, g_per_kwh=PROFILE_SOURCE)
        return replace(signal, kind="profile", g_per_kwh=shaped, duration_s=HOUR_S, sources=sources)

    def _price(self, at: float) -> GridSignal:
        """The yearly signal at the price that is in force; the zone's where the tariff cannot say."""
        if self._tariff is None:
            return annual_signal(self._catalog, self._zone, at)
        try:
            price = self._tariff.price(at)
        except NoSignal as error:
            fallback = annual_signal(self._catalog, self._zone, at)
            return replace(fallback, missing=f"price: {error.why or error}")
        signal = annual_signal(self._catalog, self._zone, at, eur_per_kwh=max(0.0, price.eur_per_kwh))
        sources = _with(signal.sources, eur_per_kwh=price.source)
        return replace(signal, eur_per_kwh=price.eur_per_kwh, price_kind=price.kind, sources=sources)


def _with(sources: Mapping[str, str], **named: str) -> dict[str, str]:
    return {**sources, **named}


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
