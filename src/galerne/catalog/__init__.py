"""Sourced facts: accelerators, hosts, models, formats, zones, places, cooling plants.

A number without a source does not load. Front door: ``Catalog`` and its records.
"""

from galerne.catalog.hardware import AcceleratorSpec, Calibration, HostSpec, Machine, SystemSpec
from galerne.catalog.places import ClimatePlace, CoolingPlant, PowerStage, ZoneFactor
from galerne.catalog.records import Fact, Row, Source
from galerne.catalog.tables import Catalog, Table, default_catalog, packaged_text
from galerne.catalog.weights import ModelFileSpec, ModelRepository, ModelSpec, WeightFormat

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
