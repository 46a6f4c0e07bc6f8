import asyncio
import threading
import tomllib
from pathlib import Path

import jsonschema
import pytest

from galerne.api import SiteWish, create_app
from galerne.api.wire.site import ComparisonBody, ConfigurationsBody, PlaceBody, SitePlanBody
from galerne.catalog import default_catalog
from galerne.cli.planner import Planner
from tests.api.fakes import client, services

ESSONNE = (Path(__file__).parents[2] / "examples" / "essonne.toml").read_text(encoding="utf-8")
SMALL = ESSONNE.replace("n_samples = 400", "n_samples = 50")
ROUTES = ("/v1/site/plan", "/v1/site/compare", "/v1/site/configurations")


def real():
    return client(site=Planner(default_catalog()))


class EchoPlanner:
    """Answers with what it was asked."""

    def plan(self, wish: SiteWish):
        return {"n_characters": len(wish.text), "changes": wish.changes, "n_samples": wish.n_samples}

    def compare(self, wish, places, objectives):
        return {"places": list(places), "by": list(objectives)}

    def configure(self, wish, n_accelerators):
        return {"n": n_accelerators}

    def schema(self):
        return {}


def echo() -> EchoPlanner:
    return EchoPlanner()


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
    asked = "/v1/site/plan?set=site.place%3Dlyon&set=load%3D&samples=60"
    assert served.post(asked, content="name = 'été'".encode()).json() == {
        "n_characters": 12,
        "changes": ["site.place=lyon", "load="],
        "n_samples": 60,
    }
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


def test_a_change_moves_the_plan_and_words_come_in_the_readers_language():
    url = "/v1/site/plan?set=site.place%3Dtokyo&set=site.zone%3DJP&samples=50&quick=true&language=fr"
    plan = real().post(url, content=SMALL.encode()).json()
    assert plan["chosen"]["place"] == "tokyo"
    assert plan["words"]["figures"]["n_racks"]["name"] == "Baies"
    assert plan["words"]["breakdown"]["facility_w"]["cooling"]["name"] == "Froid"


def test_the_scenario_comes_back_changed_with_its_comments():
    response = real().post("/v1/site/scenario?set=site.contracted_w%3D10e6", content=SMALL.encode())
    assert response.headers["content-type"].startswith("application/toml")
    assert "contracted_w = 10000000.0\n" in response.text
    assert "# five units where four would do (N+1)" in response.text


def test_a_change_that_makes_no_scenario_is_refused():
    response = real().post("/v1/site/scenario?set=site.place%3D", content=SMALL.encode())
    assert response.status_code == 422
    assert "site.place" in response.json()["error"]["message"]


def test_a_place_is_shown_and_an_unknown_one_is_not():
    assert real().get("/v1/site/places/essonne").json()["zone"] == "FR"
    assert real().get("/v1/site/places/atlantis").status_code == 404


def test_there_are_choices_and_cases_to_start_from():
    choices = real().get("/v1/site/choices?language=fr").json()
    assert {"id": "tokyo", "name": "Tokyo", "zone": "JP"} in choices["places"]
    cases = {case["id"]: case["scenario"] for case in real().get("/v1/site/cases").json()["data"]}
    assert cases["essonne"] == ESSONNE
    assert len(cases) == 5


def test_every_case_can_be_planned_as_it_comes():
    served = real()
    for case in served.get("/v1/site/cases").json()["data"]:
        url = "/v1/site/plan?samples=50&quick=true"
        assert served.post(url, content=case["scenario"].encode()).status_code == 200, case["id"]


@pytest.mark.slow
def test_a_report_is_one_page():
    response = real().post("/v1/site/report?language=fr", content=SMALL.encode())
    assert response.headers["content-type"].startswith("text/html")
    assert response.text.startswith("<!doctype html>")


class PatientPlanner(EchoPlanner):
    """Works until it is told to stop."""

    def __init__(self):
        self.began, self.ended = threading.Event(), threading.Event()

    def plan(self, wish):
        try:
            while True:
                wish.on_progress(0.0)
                self.began.set()
        finally:
            self.ended.set()


def test_work_ends_when_the_client_leaves():
    planner = PatientPlanner()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/v1/site/plan", "raw_path": b"/v1/site/plan", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 4747),
    }  # fmt: skip
    inbox = [{"type": "http.request", "body": b"x", "more_body": False}]

    async def receive():
        if inbox:
            return inbox.pop()
        await asyncio.to_thread(planner.began.wait)
        return {"type": "http.disconnect"}

    async def send(_):
        return None

    asyncio.run(create_app(services(site=planner))(scope, receive, send))
    assert planner.ended.wait(timeout=30)


def tables(text=SMALL):
    return tomllib.loads(text)


def test_a_scenario_in_json_is_the_same_plan():
    asked = {**tables(), "heat": None, "site": {**tables()["site"], "contracted_w": None}}
    asked["site"]["contracted_w"] = 44e6
    asked.pop("heat")
    served = real()
    by_json = served.post("/v1/site/plan?quick=true", json=asked).json()
    by_toml = served.post("/v1/site/plan?quick=true", content=SMALL.encode()).json()
    assert by_json["figures"] == by_toml["figures"]
    moved = served.post("/v1/site/plan?quick=true&set=site.place%3Dlyon", json=asked).json()
    assert moved["chosen"]["place"] == "lyon"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[1]", "scenario"),
        (b"{", "scenario"),
        (b'{"site": 3}', "site"),
        (b'{"si te": {}}', "si te"),
        (b'{"site": {"name": true}}', "compute"),
        (b'{"site": {"na\\nme": "x"}}', "compute"),
        (b"[" * 5000, "scenario"),
    ],
)
def test_what_is_no_scenario_in_json_is_refused_with_its_path(body, path):
    response = real().post("/v1/site/plan", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith(path)


def test_the_planners_answers_are_as_described():
    served = real()
    grown = SMALL.replace("load_ratio = 0.55", "").replace("contracted_w = 44e6", "contracted_w = 3e6")
    grown += "\n[load]\nn_users = 1e7\nanswers_per_user = 8\ngrowth_ratio = 1.0\nhorizon_years = 2\n"
    grown += "\n[[phases]]\ncontracted_w = 60e6\n"
    for text in (SMALL, grown):
        SitePlanBody.model_validate(served.post("/v1/site/plan?quick=true&language=fr", content=text).json())
    compared = served.post("/v1/site/compare?place=essonne&place=tokyo", content=SMALL)
    ComparisonBody.model_validate(compared.json())
    ConfigurationsBody.model_validate(served.post("/v1/site/configurations", content=SMALL).json())
    for place in ("essonne", "santiago"):
        PlaceBody.model_validate(served.get(f"/v1/site/places/{place}").json())


def test_the_document_describes_the_scenario_and_the_plan():
    described = real().get("/openapi.json").json()
    body = described["paths"]["/v1/site/plan"]["post"]
    assert body["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Scenario")
    assert body["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/SitePlanBody")
    scenario = described["components"]["schemas"]["Scenario"]
    jsonschema.Draft202012Validator(scenario).validate(tables())
