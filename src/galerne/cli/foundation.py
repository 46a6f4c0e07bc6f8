"""What every command may need, without the daemon and all that it loads: settings, facts, this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from galerne.catalog import Catalog, Machine
from galerne.cli.settings import Settings
from galerne.clock import Clock
from galerne.energy import FacilityFactors
from galerne.errors import InvalidSetting, UnknownId
from galerne.machine.probe import probe_machine

if TYPE_CHECKING:
    from galerne.grid import Electricity, GridSignal
    from galerne.ledger import PriceBook


@dataclass(frozen=True, kw_only=True, slots=True)
class Foundation:
    """What every command may need, without a daemon: the settings, the facts and this machine.

    Attributes:
        electricity: what a daemon keeps up to date; None for packaged figures.
        is_hurried: somebody waits for an answer: doubtful figures of this machine are not measured again now.
    """

    settings: Settings
    catalog: Catalog
    clock: Clock
    electricity: Electricity | None = None
    is_hurried: bool = False

    def machine(self) -> Machine:
        """This computer; measured once, then remembered."""
        return probe_machine(
            self.catalog,
            cache_folder=self.settings.home,
            clock=self.clock,
            settles=not self.is_hurried,
        )

    def grid(self) -> GridSignal:
        """The electricity of this machine's zone, now."""
        from galerne.cli.electricity import packaged_electricity

        return (self.electricity or packaged_electricity(self.settings, self.catalog, self.clock)).now()

    def prices(self) -> PriceBook:
        """What is asked for each model; empty where only the electricity counts."""
        from galerne.ledger import PriceBook, read_prices

        return read_prices(self.settings.prices) if self.settings.prices else PriceBook()

    def facility(self) -> FacilityFactors:
        """What the place adds."""
        return FacilityFactors(
            pue_ratio=self.settings.pue_ratio,
            onsite_water_l_per_kwh=self.settings.onsite_water_l_per_kwh,
            source=self.settings.place_source,
        )


def lay_foundation(settings: Settings, *, clock: Clock) -> Foundation:
    """Settings and facts; nothing is measured or opened yet.

    Raises:
        InvalidSetting: there is no such grid zone; names the nearest.
    """
    catalog = Catalog(settings.catalog_folder)
    try:
        catalog.zones[settings.zone]
    except UnknownId as error:
        problem = f"{error}; `galerne catalog list zones` shows them all"
        raise InvalidSetting(name="GALERNE_ZONE", problem=problem) from None
    return Foundation(settings=settings, catalog=catalog, clock=clock)
