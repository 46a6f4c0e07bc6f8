"""Electricity over time: carbon, water and price of a kilowatt-hour, by zone."""

from galerne.grid.profile import DirectProfile, direct_profile, direct_profile_g_per_kwh
from galerne.grid.signal import USER_PRICE_SOURCE, GridSignal, annual_signal, find_zone

__all__ = [
    "USER_PRICE_SOURCE",
    "DirectProfile",
    "GridSignal",
    "annual_signal",
    "direct_profile",
    "direct_profile_g_per_kwh",
    "find_zone",
]
