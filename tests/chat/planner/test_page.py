"""The planner page over HTTP, without a browser."""

import re
import tomllib

import httpx
import pytest


@pytest.fixture
def web(planner_url):
    with httpx.Client(base_url=planner_url, timeout=60, headers={"accept-language": "en"}) as client:
        yield client


def value(html: str, tile: str) -> str:
    return re.search(rf'data-tile="{tile}".*?<b data-value>(.*?)</b>', html, re.DOTALL).group(1)


def test_the_page_works_without_a_script(web):
    page = web.get("/plan?case=essonne&site.contracted_w=22").text
    whole = web.get("/plan?case=essonne").text
    half, all_of_it = (int(value(html, "n_racks")) for html in (page, whole))
    assert half == pytest.approx(all_of_it / 2, abs=1)
    assert 'name="site.contracted_w"' in page
    assert 'value="22"' in page
    assert "style=" not in page
    assert re.findall(r"<script(?! type=\"module\" src=\"/static/)", page) == []


def test_french_writes_a_comma_and_reads_one(web):
    page = web.get("/plan?case=essonne&workload.peak_ratio=1,5", headers={"accept-language": "fr"}).text
    assert 'value="1,5"' in page
    assert "accélérateurs" in page
    assert "Une université, 16 GPU" in page


def test_two_plans_stand_side_by_side(web):
    html = web.get("/ui/plan?case=le-chat&site.place=tokyo&beside=case%3Dle-chat").text
    assert html.count('class="band there"') == 8
    assert "here × " in html
    assert 'data-beside=""' in html


def test_an_impossible_wish_says_what_binds_and_by_how_much(web):
    html = web.get("/ui/plan?case=essonne&objective.token_interval_s=900").text
    assert "No layout writes fast enough" in html
    french = web.get(
        "/ui/plan?case=essonne&objective.token_interval_s=900", headers={"accept-language": "fr"}
    ).text
    assert "Aucun découpage n’écrit assez vite" in french
    assert 'role="alert"' in html


def test_nonsense_is_refused_with_its_path(web):
    html = web.get("/ui/plan?case=essonne&site.contracted_w=%3Cscript%3E").text
    assert "Connection: a number is needed here, not &#39;&lt;script&gt;&#39;." in html
    assert "<script>" not in html


def test_an_unknown_case_is_the_first_one(web):
    assert web.get("/plan?case=atlantis").status_code == 200


def test_the_scenario_and_the_plan_can_be_kept(web):
    scenario = web.get("/ui/plan/scenario?case=essonne&site.contracted_w=10")
    assert tomllib.loads(scenario.text)["site"]["contracted_w"] == 10e6
    assert 'filename="essonne.toml"' in scenario.headers["content-disposition"]
    plan = web.get("/ui/plan/plan?case=university&sampling.n_samples=60").json()
    assert plan["figures"]
    assert web.get("/ui/plan/passwords").status_code == 404


@pytest.mark.slow
def test_the_report_shows_its_own_style_and_runs_nothing(web):
    report = web.get("/ui/plan/report?case=university")
    policy = report.headers["content-security-policy"]
    assert "'sha256-" in policy
    assert "sandbox" in policy
    assert "style=" not in report.text
    assert "<script" not in report.text


def test_places_are_compared_for_the_plan_of_the_page(web):
    page = web.get("/plan/places?case=le-chat&by=cost&by=carbon&at=essonne&at=frankfurt").text
    assert page.count('<th scope="row">') == 2
    assert "Pareto front" in page
    assert "7 to 13" in page
    assert 'href="/plan?case=le-chat&amp;site.place=frankfurt"' in page
    assert "style=" not in page
    assert "<script" not in page.replace('<script type="module" src="/static/', "")
    assert web.get("/ui/plan?case=le-chat").text.count("/plan/places?") == 1


def test_places_are_compared_in_french_and_a_refusal_too(web):
    french = {"accept-language": "fr"}
    page = web.get("/plan/places?case=essonne&by=carbon&at=essonne&at=stockholm", headers=french).text
    assert "Où le classement bascule" in page
    assert "inconnu" in page
    refused = web.get("/plan/places?case=essonne&site.contracted_w=0.1&at=essonne", headers=french).text
    assert "Le raccordement ne porte pas un seul système" in refused
    assert web.get("/plan/places?case=atlantis&by=beauty&at=atlantis").status_code == 200
