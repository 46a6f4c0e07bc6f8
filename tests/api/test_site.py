from pathlib import Path

import pytest

from galerne.api import SitePlanner
from galerne.catalog import default_catalog
from galerne.cli.planner import make_planner
from tests.api.fakes import client

ESSONNE = (Path(__file__).parents[2] / "examples" / "essonne.toml").read_text(encoding="utf-8")
SMALL = ESSONNE.replace("n_samples = 400", "n_samples = 50")
ROUTES = ("/v1/site/plan", "/v1/site/compare", "/v1/site/configurations")


def real():
    return client(site=make_planner(default_catalog()))


def echo() -> SitePlanner:
    return SitePlanner(
        plan=lambda text: {"n_characters": len(text)},
        compare=lambda _text, places, objectives: {"places": list(places), "by": list(objectives)},
        configure=lambda _text, n: {"n": n},
        schema=dict,
    )


def test_a_scenario_becomes_a_plan():
    plan = real().post("/v1/site/plan", content=SMALL.encode()).json()
    figures = {row["name"]: row["value"] for row in plan["figures"]}
    assert figures["pue_ratio"] > 1
    assert plan["tornado"]


def test_places_are_ranked():
    url = "/v1/site/compare?place=essonne&place=tokyo&objective=carbon"
    ranked = real().post(url, content=SMALL.encode()).json()
    assert [place["place_id"] for place in ranked["places"]] == ["essonne", "tokyo"]


def test_configurations_are_found():
    found = real().post("/v1/site/configurations?accelerators=16", content=SMALL.encode()).json()
    assert found["n_accelerators"] == 16
    assert found["front"]


def test_the_schema_is_served():
    assert real().get("/v1/site/schema").json()["properties"]["site"]


def test_what_was_asked_reaches_the_planner():
    served = client(site=echo())
    assert served.post("/v1/site/plan", content="name = 'été'".encode()).json() == {"n_characters": 12}
    assert served.post("/v1/site/compare", content=b"x").json() == {"places": [], "by": ["cost"]}
    assert served.post("/v1/site/configurations", content=b"x").json() == {"n": 32}


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_not_text_is_refused(route):
    assert client(site=echo()).post(route, content=b"\xff").status_code == 400


@pytest.mark.parametrize("route", ROUTES)
def test_what_was_not_wired_is_not_there(route):
    response = client(site=None).post(route, content=b"x")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_route"


def test_a_fault_of_the_scenario_names_its_path():
    response = real().post("/v1/site/plan", content=SMALL.replace("44e6", "-1").encode())
    assert response.status_code == 422
    assert "site.contracted_w" in response.json()["error"]["message"]


def test_files_of_the_server_are_not_read_for_a_client():
    text = SMALL + '\n[series]\nprices = "/etc/passwd"\n'
    response = real().post("/v1/site/plan", content=text.encode())
    assert response.status_code == 422
    assert "command line" in response.json()["error"]["message"]


def test_an_impossible_wish_says_what_binds():
    text = SMALL.replace("token_interval_s = 0.033", "token_interval_s = 0.0002")
    response = real().post("/v1/site/configurations", content=text.encode())
    assert response.status_code >= 400
    assert "time per output token" in response.json()["error"]["message"]


def test_no_accelerators_are_no_number():
    assert real().post("/v1/site/configurations?accelerators=0", content=SMALL.encode()).status_code in (
        400,
        422,
    )
