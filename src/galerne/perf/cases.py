"""Published figures to hold ours against: cases as data, and the verdict on each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from galerne.catalog import Catalog
from galerne.errors import InvalidFact

MODELS_FILE = "models.toml"
"""The one file of the folder that holds rows of the catalogue, not cases."""
Verdict = Literal["within", "known gap", "outside"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One published figure.

    Attributes:
        question: what computes ours, a key of the evaluators.
        inputs: what the evaluator needs, by its own names.
        expected: the published figure, in ``unit``.
        tolerance_ratio: how far ours may be, relative to it.
        source: key of the catalogue's sources.
        known_gap: why ours is farther; empty where it is not expected to be.
    """

    id: str
    name: str
    question: str
    inputs: Mapping[str, Any]
    expected: float
    unit: str
    tolerance_ratio: float
    source: str
    known_gap: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A case and our figure."""

    case: Case
    ours: float

    @property
    def ratio(self) -> float:
        """Ours over the published figure."""
        return self.ours / self.case.expected

    @property
    def verdict(self) -> Verdict:
        """``within`` the tolerance; a ``known gap``; or ``outside``, which is a defect."""
        if abs(self.ratio - 1.0) <= self.case.tolerance_ratio:
            return "within"
        return "known gap" if self.case.known_gap else "outside"


def read_cases(catalog: Catalog) -> list[Case]:
    """Every packaged case, file by file.

    Raises:
        InvalidFact: a case is not whole, or its source is not known.
    """
    folder = resources.files("galerne.catalog").joinpath("data", "validation")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml") and entry.name != MODELS_FILE),
        key=lambda entry: entry.name,
    )
    cases = []
    for entry in files:
        for case_id, row in tomllib.loads(entry.read_text(encoding="utf-8")).items():
            cases.append(_case(case_id, row, catalog, path=f"validation/{entry.name}#{case_id}"))
    return cases


def _case(case_id: str, row: Mapping[str, Any], catalog: Catalog, *, path: str) -> Case:
    try:
        case = Case(**{"id": case_id, **row})
    except TypeError as error:
        raise InvalidFact(path=path, problem=str(error)) from error
    if case.source not in catalog.sources:
        raise InvalidFact(path=path, problem=f"the source {case.source!r} is not in sources.toml")
    return case
