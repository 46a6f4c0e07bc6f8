"""The models of this machine, as the page lists them, and a load from there."""

from galerne.chat.model_view import view_models
from galerne.language import Language
from tests.chat.fake_api import FITS
from tests.chat.test_web import AS_SCRIPT, OURS, web, web_url

__all__ = ["web", "web_url"]

CARDS = [{"id": "galerne-mini", "name": "Galerne mini"}, {"id": "ministral-3-3b"}]
LOADED = {"model_id": "galerne-mini", "presence": "loaded", "resident_bytes": 96e6, "n_active": 2}


def rows(engines=(), pulls=()):
    found = view_models(FITS, CARDS, engines, pulls, language=Language.ENGLISH)
    return {row.id: row for row in found}


def test_what_is_served_comes_first_and_what_is_too_large_last(web):
    shown = web.get("/ui/models").text
    places = [shown.index(name) for name in ("Galerne mini", "ministral-3-3b", "Ministral 3 8B".title())]
    assert places == sorted(places)
    assert shown.index("Mistral Large 3") > places[-1]
    assert "400\u202fGB too much" in shown
    assert "11\u202ftokens/s" in shown
    assert "galerne pull ministral-3-8b" in shown


def test_a_loaded_model_says_what_it_holds_does_and_when_it_leaves():
    row = rows([LOADED | {"tokens_per_s": 31.2, "unload_in_s": 290.0}])["galerne-mini"]
    assert row.state == "loaded"
    assert row.detail == "96\u202fMB in memory · 2 answering, 31\u202ftokens/s · leaves in 5 min"


def test_a_model_that_stays_says_so():
    assert "stays" in rows([LOADED | {"tokens_per_s": 1.0, "pinned": True}])["galerne-mini"].detail


def test_how_far_a_load_and_a_download_are_is_shown():
    loading = {"model_id": "ministral-3-3b", "presence": "loading", "loading": {"progress_ratio": 0.25}}
    found = rows([loading], [{"name": "big.gguf", "arrived_bytes": 1e9, "size_bytes": 4e9}])
    assert found["ministral-3-3b"].progress_ratio == 0.25
    assert (found["big.gguf"].state, found["big.gguf"].progress_ratio) == ("pulling", 0.25)
    assert found["big.gguf"].detail == "1.0\u202fGB of 4.0\u202fGB"


def test_where_the_engines_are_silent_the_card_is_believed():
    row = view_models(FITS, [CARDS[0] | {"state": "installed"}], [], language=Language.FRENCH)[0]
    assert (row.state, row.label) == ("installed", "ici, non chargé")


def test_a_load_begins_and_the_list_says_how_far_it_is(fake_api, web):
    assert web.post("/ui/models", data={"model": "ministral-3-3b"}, headers=AS_SCRIPT).status_code == 202
    shown = web.get("/ui/models").text
    assert "data-busy" in shown
    assert "<progress" in shown


def test_a_load_that_is_refused_says_what_to_do(web):
    refused = web.post("/ui/models", data={"model": "mistral-large-3"}, headers=AS_SCRIPT)
    assert refused.status_code == 409
    assert "smaller one" in refused.json()["advice"]


def test_without_scripts_a_load_leads_back(web):
    assert web.post("/ui/models", data={"model": "ministral-3-3b"}, headers=OURS).status_code == 303


def test_a_model_that_only_makes_vectors_is_not_talked_to(fake_api, web):
    fake_api.embeds = True
    assert 'value="embedder"' not in web.get("/").text
