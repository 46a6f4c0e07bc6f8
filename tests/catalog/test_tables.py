import pytest

from galerne.catalog import Catalog, packaged_text
from galerne.errors import InvalidFact, UnknownId

OWN_SOURCES = """
[utility-bill]
title = "Our contract"
publisher = "Us"
url = ""
date = "2026-10"
quality = "published"
"""
OWN_ZONES = """id,name,iso3,year,g_per_kwh,l_per_kwh,eur_per_kwh,source
FR,France (our contract),FRA,2026,12.5,3.6737,0.11,utility-bill
XX,Our island,XXX,2026,600,1.0,0.3,utility-bill
"""


@pytest.fixture
def own_folder(tmp_path):
    (tmp_path / "sources.toml").write_text(OWN_SOURCES, encoding="utf-8")
    (tmp_path / "zones.csv").write_text(OWN_ZONES, encoding="utf-8")
    return tmp_path


def test_the_users_rows_overlay_the_packaged_ones_by_id(own_folder):
    zones = Catalog(own_folder).zones
    assert zones["FR"].g_per_kwh == 12.5
    assert zones["XX"].name == "Our island"
    assert zones["DE"].g_per_kwh == Catalog().zones["DE"].g_per_kwh
    assert zones.user_ids == {"FR", "XX"}


def test_the_users_rows_cite_the_users_sources_or_packaged_ones(own_folder):
    catalog = Catalog(own_folder)
    assert catalog.source_of(catalog.zones["FR"], "eur_per_kwh").title == "Our contract"
    assert catalog.source_of(catalog.zones["DE"], "g_per_kwh").key == "ember-owid-2025"


def test_without_own_files_the_users_folder_changes_nothing(tmp_path):
    assert Catalog(tmp_path).zones.rows == Catalog().zones.rows
    assert not Catalog(tmp_path).zones.user_ids


def test_a_doubtful_row_of_the_user_is_refused_as_the_users(own_folder):
    (own_folder / "zones.csv").write_text(OWN_ZONES.replace("utility-bill", "hearsay"), encoding="utf-8")
    with pytest.raises(InvalidFact, match=r"user zones.csv:2.*'hearsay' is not in sources.toml"):
        _ = Catalog(own_folder).zones


@pytest.mark.parametrize(
    ("table", "wanted", "nearest"),
    [
        ("models", "ministral-3-7b", "ministral-3-8b"),
        ("accelerators", "h100", "h100-sxm"),
        ("formats", "q4_k_n", "q4_k_m"),
    ],
)
def test_an_unknown_id_names_the_nearest(table, wanted, nearest):
    with pytest.raises(UnknownId) as caught:
        getattr(Catalog(), table)[wanted]
    assert caught.value.id == wanted
    assert caught.value.nearest in getattr(Catalog(), table).rows
    assert caught.value.nearest.startswith(nearest[:4])
    assert "did you mean" in str(caught.value)


def test_an_unknown_id_with_nothing_near_names_none():
    with pytest.raises(UnknownId) as caught:
        Catalog().models["zzzzzz"]
    assert caught.value.nearest is None


def test_a_missing_data_file_is_named():
    with pytest.raises(InvalidFact, match=r"climates/atlantis\.csv"):
        packaged_text("climates", "atlantis.csv")


def test_tables_load_once():
    catalog = Catalog()
    assert catalog.models is catalog.models
