from galerne.language import Language
from galerne.site import summarise_plan
from galerne.site.figures import SECTIONS
from tests.site.factories import plan_of


def test_a_terminal_gets_every_figure_in_order():
    lines = summarise_plan(plan_of(), language=Language.FRENCH)
    assert len(lines) == len(plan_of().figures)
    assert len(dict.fromkeys(line.section for line in lines)) == len(SECTIONS)


def test_what_is_published_stands_beside_it():
    lines = {line.name: line for line in summarise_plan(plan_of(), language=Language.ENGLISH)}
    assert lines["Accelerators"].published.startswith("13,800 (× ")
    assert lines["Racks"].published == ""
