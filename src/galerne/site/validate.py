"""Every published case beside our figure, losses included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from galerne.catalog import Catalog
from galerne.errors import InvalidFact
from galerne.perf.cases import Case, Outcome, read_cases
from galerne.perf.checks import EVALUATORS as STEP_EVALUATORS
from galerne.perf.checks import Evaluator, parameter_cases
from galerne.site.building.public_sites import site_pue_ratio, site_water_l_per_kwh

EVALUATORS: Mapping[str, Evaluator] = {
    **STEP_EVALUATORS,
    "site_pue_ratio": site_pue_ratio,
    "site_water_l_per_kwh": site_water_l_per_kwh,
}
"""What answers each question."""


def published_cases(catalog: Catalog) -> list[Case]:
    """The cases of the catalogue, then the published size of every model."""
    return [*read_cases(catalog), *parameter_cases(catalog)]


def validate(catalog: Catalog, cases: Iterable[Case]) -> list[Outcome]:
    """Answer every case.

    Raises:
        InvalidFact: nothing answers a case's question.
    """
    return [Outcome(case=case, ours=_answer(catalog, case)) for case in cases]


def _answer(catalog: Catalog, case: Case) -> float:
    if case.question not in EVALUATORS:
        raise InvalidFact(path=f"validation#{case.id}", problem=f"nothing answers {case.question!r}")
    return EVALUATORS[case.question](catalog, case.inputs)
