import re

import pytest
from recipes.worked_cases import CASES, EXAMPLES, PAGE, load

from galerne.site import plan_site


def test_every_example_of_a_site_is_on_the_page():
    named = set(re.findall(r"galerne site plan examples/([\w-]+)\.toml", PAGE.read_text(encoding="utf-8")))
    planned = {path.stem for path in EXAMPLES.glob("*.toml") if "[site]" in path.read_text(encoding="utf-8")}
    assert named == planned == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_case_plans_and_stands_beside_what_is_published(name):
    scenario, catalog = load(name)
    plan = plan_site(scenario, catalog=catalog)
    assert plan.comparisons
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{row.source}`" in page for row in plan.comparisons)
    assert all(figure.low <= figure.value <= figure.high for figure in plan.figures.values())
