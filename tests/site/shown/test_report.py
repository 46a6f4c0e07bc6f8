from html.parser import HTMLParser

import pytest
from markupsafe import escape

from galerne.language import Language, phrases
from galerne.site.provenance import trace_plan
from galerne.site.shown.report import render_report
from tests.site.factories import ESSONNE, changed, plan_of

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}
LOADS = {"src", "srcset", "poster", "data", "background", "xlink:href"}


class Page(HTMLParser):
    """Collects what a browser would load, and checks that every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.anchors: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in LOADS or (tag in {"link", "use", "image"} and name == "href"):
                self.loads.append(value or "")
            if name == "id":
                self.ids.add(value or "")
            if tag == "a" and name == "href" and value and value.startswith("#"):
                self.anchors.add(value[1:])
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module", params=list(Language))
def html(request):
    return render_report(plan_of(), language=request.param)


def test_the_page_stands_alone(html):
    page = Page(html)
    assert not page.loads
    assert not {"script", "iframe", "link", "object", "embed", "form"} & set(page.tags)
    assert "@import" not in html
    assert "url(" not in html.split("</style>")[0]


def test_every_reference_leads_to_a_source(html):
    page = Page(html)
    assert page.anchors
    assert page.anchors <= page.ids
    assert len([name for name in page.ids if name.startswith("source-")]) == len(plan_of().sources)


def test_every_picture_and_every_section(html):
    page = Page(html)
    assert page.tags.count("svg") == 6
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") == 12


def test_each_language_says_its_own_words():
    english, french = (render_report(plan_of(), language=language) for language in Language)
    assert '<html lang="en">' in english
    assert '<html lang="fr">' in french
    assert "Where a watt goes" in english
    assert "Où va un watt" in french
    assert "1,09" in french
    assert "1.09" in english
    assert "To build" not in french


def test_what_the_planner_typed_is_only_text():
    text = changed(name='"<script>alert(1)</script>"')
    page = render_report(plan_of(text), language=Language.ENGLISH)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_site_without_published_figures_has_a_report():
    text = changed().split("[[reported]]")[0]
    page = Page(render_report(plan_of(text), language=Language.FRENCH))
    assert page.tags.count("h2") == 11


def test_thirsty_cooling_has_a_report():
    text = changed(cooling_plant='"air-adiabatic"', place='"dallas"', zone='"US"')
    assert "L/kWh" in render_report(plan_of(text), language=Language.ENGLISH)


def test_it_can_be_computed_again(html):
    made = trace_plan(plan_of())
    for fact in (made.scenario_fingerprint, made.facts_fingerprint, made.numpy, str(made.seed)):
        assert fact in html
    assert trace_plan(plan_of(changed(place='"lyon"'))).facts_fingerprint != made.facts_fingerprint
    assert trace_plan(plan_of(changed(seed="7"))).facts_fingerprint == made.facts_fingerprint


def test_what_to_watch_and_how_it_was_made_are_told(html):
    language = Language.FRENCH if '<html lang="fr">' in html else Language.ENGLISH
    say = phrases("galerne.site", language)
    for name in ("chapter_warnings", "chapter_methods", "methods_step_text", "method_given"):
        assert escape(say[name]) in html


def test_a_contract_stands_among_the_assumptions_with_its_unit_and_evidence():
    contract = (
        "\n[contract]\ng_per_kwh = { best = 12, low = 6, high = 20 }\ncovered_ratio = 0.8\n"
        'residual_g_per_kwh = { best = 60, low = 40, high = 90 }\nevidence = "PPA 2026-4"\n'
    )
    plan = plan_of(ESSONNE + contract)
    text = render_report(plan, language=Language.ENGLISH)
    assert "PPA 2026-4" in text
    assert "12\u00a0g/kWh" in text
    assert plan.figures["output_market_co2_g"].deciding
