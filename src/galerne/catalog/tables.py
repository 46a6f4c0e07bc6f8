"""The tables themselves: which file holds which records, loaded on first use.

Users overlay rows by id from their own folder, file by file under the same names.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Generic, TypeVar

from galerne.catalog.hardware import AcceleratorSpec, Calibration, HostSpec, SystemSpec
from galerne.catalog.loader import load_csv, load_sources, load_toml
from galerne.catalog.places import ClimatePlace, CoolingPlant, PowerStage, ZoneFactor
from galerne.catalog.records import Fact, Row, Source
from galerne.catalog.weights import (
    ListedModel,
    ModelFileSpec,
    ModelRepository,
    ModelSpec,
    Offer,
    WeightFormat,
)
from galerne.errors import InvalidFact, UnknownId

R = TypeVar("R", bound=Row)
_NEARLY = 0.87  # of the letters of two file names


class Table(Generic[R]):
    """One kind of row, found by id."""

    def __init__(self, kind: str, rows: Mapping[str, R], user_ids: frozenset[str] = frozenset()) -> None:
        self.kind = kind
        self.rows = rows
        self.user_ids = user_ids

    def __getitem__(self, row_id: str) -> R:
        if row_id not in self.rows:
            near = difflib.get_close_matches(row_id, self.rows, n=1)
            raise UnknownId(kind=self.kind, id=row_id, nearest=near[0] if near else None)
        return self.rows[row_id]


class Catalog:
    """Every table of facts, from the package and from the user's own folder."""

    def __init__(self, user_folder: Path | None = None) -> None:
        self._user_folder = user_folder

    @functools.cached_property
    def sources(self) -> Mapping[str, Source]:
        """Sources by key."""
        loaded = load_sources(packaged_text("sources.toml"), origin="sources.toml")
        own = self._own_text("sources.toml")
        return {**loaded, **load_sources(own, origin="user sources.toml")} if own else loaded

    @functools.cached_property
    def accelerators(self) -> Table[AcceleratorSpec]:
        """GPUs and their like."""
        return self._table("accelerator", AcceleratorSpec, "accelerators.toml")

    @functools.cached_property
    def hosts(self) -> Table[HostSpec]:
        """Processors, per core."""
        return self._table("host", HostSpec, "hosts.toml")

    @functools.cached_property
    def systems(self) -> Table[SystemSpec]:
        """Machines for a data centre."""
        return self._table("system", SystemSpec, "systems.toml")

    @functools.cached_property
    def models(self) -> Table[ModelSpec]:
        """Open-weight models."""
        return self._table("model", ModelSpec, "models.toml")

    @functools.cached_property
    def listed_models(self) -> Table[ListedModel]:
        """Open-weight models of which nothing can be predicted, and why."""
        return self._table("listed model", ListedModel, "listed_models.csv")

    @functools.cached_property
    def reference_models(self) -> Table[ModelSpec]:
        """Models of others on which serving was measured: for calibration and validation only."""
        return self._table("reference model", ModelSpec, "validation/models.toml")

    @functools.cached_property
    def formats(self) -> Table[WeightFormat]:
        """Weight formats."""
        return self._table("format", WeightFormat, "formats.csv")

    @functools.cached_property
    def files(self) -> Table[ModelFileSpec]:
        """Model files known on public hubs."""
        return self._table("file", ModelFileSpec, "files.csv")

    @functools.cached_property
    def repositories(self) -> Table[ModelRepository]:
        """Public repositories of models of which no single file is known."""
        return self._table("repository", ModelRepository, "repositories.csv")

    @functools.cached_property
    def zones(self) -> Table[ZoneFactor]:
        """Grid zones."""
        return self._table("zone", ZoneFactor, "zones.csv")

    @functools.cached_property
    def places(self) -> Table[ClimatePlace]:
        """Places with a climate."""
        return self._table("place", ClimatePlace, "places.csv")

    @functools.cached_property
    def cooling_plants(self) -> Table[CoolingPlant]:
        """Ways to cool."""
        return self._table("cooling plant", CoolingPlant, "cooling_plants.toml")

    @functools.cached_property
    def power_stages(self) -> Table[PowerStage]:
        """Stages of a power chain."""
        return self._table("power stage", PowerStage, "power_stages.toml")

    @functools.cached_property
    def calibrations(self) -> Table[Calibration]:
        """How engines differ from the roofline."""
        return self._table("calibration", Calibration, "calibrations.toml")

    @functools.cached_property
    def offers(self) -> Table[Offer]:
        """Prices of models over others' APIs."""
        return self._table("offer", Offer, "offers.csv")

    @functools.cached_property
    def facts(self) -> Table[Fact]:
        """Single figures."""
        return self._table("fact", Fact, "facts.toml")

    def source_of(self, row: Row, field: str) -> Source:
        """Where a row's number comes from."""
        return self.sources[row.sources.get(field) or row.sources["default"]]

    def _own_text(self, filename: str) -> str | None:
        if self._user_folder is None:
            return None
        self._refuse_misnamed(filename)
        path = self._user_folder / filename
        try:
            return path.read_text(encoding="utf-8-sig") if path.is_file() else None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidFact(path=f"user {filename}", problem=str(error)) from error

    def _refuse_misnamed(self, filename: str) -> None:
        """A file whose name is nearly that of a table would otherwise be passed over in silence."""
        assert self._user_folder is not None  # noqa: S101  # asked only where there is a folder
        for path in self._user_folder.glob(f"*{Path(filename).suffix}"):
            near = difflib.get_close_matches(path.name, [filename], cutoff=_NEARLY)
            if near and path.name not in packaged_names():
                problem = f"no table has this name; {filename} does"
                raise InvalidFact(path=f"user {path.name}", problem=problem)

    def _table(self, kind: str, record: type[R], filename: str) -> Table[R]:
        load = load_csv if filename.endswith(".csv") else load_toml
        packaged = load(record, packaged_text(filename), origin=filename, sources=self.sources)
        own_text = self._own_text(filename)
        if own_text is None:
            return Table(kind, packaged)
        own = load(record, own_text, origin=f"user {filename}", sources=self.sources)
        return Table(kind, {**packaged, **own}, frozenset(own))


def packaged_text(*parts: str) -> str:
    """The text of a data file of the catalogue, such as ``packaged_text("climates", "essonne.csv")``."""
    try:
        return resources.files("galerne.catalog").joinpath("data", *parts).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidFact(path="/".join(parts), problem="the catalogue has no such file") from error


@functools.cache
def packaged_names() -> frozenset[str]:
    """Names of the files of tables."""
    return frozenset(path.name for path in resources.files("galerne.catalog").joinpath("data").iterdir())


@functools.cache
def default_catalog() -> Catalog:
    """The packaged catalogue alone."""
    return Catalog()
