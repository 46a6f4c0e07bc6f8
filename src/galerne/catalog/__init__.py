"""Sourced facts: accelerators, hosts, models, formats, zones, places, cooling plants.

A number without a source does not load. Front door: ``Catalog`` and its records.
"""

from galerne.catalog.records import (
    AcceleratorSpec,
    Calibration,
    ClimatePlace,
    CoolingPlant,
    Fact,
    HostSpec,
    Machine,
    ModelFileSpec,
    ModelRepository,
    ModelSpec,
    PowerStage,
    Row,
    Source,
    SystemSpec,
    WeightFormat,
    ZoneFactor,
)
from galerne.catalog.tables import Catalog, Table, default_catalog, packaged_text

__all__ = [
    "AcceleratorSpec",
    "Calibration",
    "Catalog",
    "ClimatePlace",
    "CoolingPlant",
    "Fact",
    "HostSpec",
    "Machine",
    "ModelFileSpec",
    "ModelRepository",
    "ModelSpec",
    "PowerStage",
    "Row",
    "Source",
    "SystemSpec",
    "Table",
    "WeightFormat",
    "ZoneFactor",
    "default_catalog",
    "packaged_text",
]
