"""Electricity over time: carbon, water and price of a kilowatt-hour, by zone."""

from galerne.grid.electricity import CONTRACT_SOURCE, Electricity
from galerne.grid.electricity_maps import ElectricityMapsSource
from galerne.grid.entsoe import EntsoeSource
from galerne.grid.fetch import Fetch, HttpFetch
from galerne.grid.great_britain import GreatBritainSource
from galerne.grid.live import LiveGrid
from galerne.grid.odre import OdreSource
from galerne.grid.profile import (
    DirectProfile,
    direct_profile,
    direct_profile_g_per_kwh,
    lifecycle_profile_g_per_kwh,
)
from galerne.grid.reading import GridReading, GridSource
from galerne.grid.shelf import Shelf
from galerne.grid.signal import USER_PRICE_SOURCE, GridSignal, annual_signal, find_zone
from galerne.grid.spot import ENERGY_CHARTS, ENTSOE, MARKETS, SpotMarket
from galerne.grid.tariff import (
    DayAheadTariff,
    ElectricityPrice,
    FixedTariff,
    HourlyPrices,
    LiveSpot,
    Tariff,
    TariffPeriod,
    TimeOfUseTariff,
)
from galerne.grid.tariff_file import TariffFile, read_tariff

__all__ = [
    "CONTRACT_SOURCE",
    "ENERGY_CHARTS",
    "ENTSOE",
    "MARKETS",
    "USER_PRICE_SOURCE",
    "DayAheadTariff",
    "DirectProfile",
    "Electricity",
    "ElectricityMapsSource",
    "ElectricityPrice",
    "EntsoeSource",
    "Fetch",
    "FixedTariff",
    "GreatBritainSource",
    "GridReading",
    "GridSignal",
    "GridSource",
    "HourlyPrices",
    "HttpFetch",
    "LiveGrid",
    "LiveSpot",
    "OdreSource",
    "Shelf",
    "SpotMarket",
    "Tariff",
    "TariffFile",
    "TariffPeriod",
    "TimeOfUseTariff",
    "annual_signal",
    "direct_profile",
    "direct_profile_g_per_kwh",
    "find_zone",
    "lifecycle_profile_g_per_kwh",
    "read_tariff",
]
