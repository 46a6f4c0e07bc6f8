"""The indicators of Delegated Regulation (EU) 2024/1364, and the report that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from galerne.site.eed.label import LabelClass

REGULATION = "eu-2024-1364"

UNITS: Mapping[str, str] = {
    "P_DIT": "kW",
    "S_DC": "m²",
    "S_CR": "m²",
    "E_DC": "kWh",
    "E_DC_BG": "kWh",
    "E_IT": "kWh",
    "E_COOL": "kWh",
    "Q_COOL": "kWh",
    "W_IN": "m³",
    "W_IN_POT": "m³",
    "W_IN_FRE": "m³",
    "E_REUSE": "kWh",
    "T_WH": "°C",
    "T_IN": "°C",
    "CDD": "K·d",
    "E_RES_GOO": "kWh",
    "E_RES_PPA": "kWh",
    "E_RES_OS": "kWh",
    "E_RES_TOT": "kWh",
    "C_SERV": "SERT",
    "C_STOR": "TB",
    "B_IN": "Gbit/s",
    "B_OUT": "Gbit/s",
    "T_TRAFFIC_IN": "EB",
    "T_TRAFFIC_OUT": "EB",
    "PUE": "1",
    "WUE": "m³/MWh",
    "ERF": "1",
    "REF": "1",
    "CER": "1",
    "CUE": "g/kWh",
}
"""Every indicator in the order of the report, with its unit. Ratios stand last."""

RATIOS = ("PUE", "WUE", "ERF", "REF", "CER", "CUE")
IDENTITY = (
    "name",
    "owner",
    "operator",
    "municipality_code",
    "type",
    "in_operation_since",
    "power_redundancy",
    "cooling_redundancy",
)
"""What the first annex asks and no meter knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One indicator.

    Attributes:
        value: None where it is missing.
        method: ``measured``, ``derived``, ``modelled``, ``declared`` or ``missing``.
        completeness_ratio: share of the year that it covers.
        note: what it was made from, or what would give it.
    """

    symbol: str
    value: float | None
    unit: str
    method: str
    completeness_ratio: float
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredMeter:
    """A line of the meter register.

    Attributes:
        quantity: symbol that it measures.
        place: where it sits, such as the output of the UPS.
    """

    id: str
    quantity: str
    place: str
    accuracy_class: str = ""
    calibrated: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EedReport:
    """A year's report.

    Attributes:
        basis: ``metered``, ``ledger`` or ``simulated``.
        to_fill: keys of the operator's file that are still missing.
        completeness_ratio: of the ratios, the least.
        label: preview of the European label, of the indicators that are known.
    """

    year: int
    basis: str
    identity: Mapping[str, str]
    indicators: tuple[Indicator, ...]
    meters: tuple[RegisteredMeter, ...]
    to_fill: tuple[str, ...]
    completeness_ratio: float
    label: tuple[LabelClass, ...] = ()
    source: str = REGULATION

    def value(self, symbol: str) -> float | None:
        """The value of an indicator."""
        return next(row.value for row in self.indicators if row.symbol == symbol)
