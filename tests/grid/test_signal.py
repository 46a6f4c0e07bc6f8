import pytest

from galerne.catalog import Catalog, default_catalog
from galerne.errors import NoSignal
from galerne.grid import USER_PRICE_SOURCE, annual_signal, find_zone
from galerne.units import YEAR_S

AT = 1_795_000_000.0


def test_france_by_the_year():
    signal = annual_signal(default_catalog(), "FR", AT)
    row = default_catalog().zones["FR"]
    assert (signal.zone, signal.at, signal.duration_s) == ("FR", AT, YEAR_S)
    assert (signal.basis, signal.kind, signal.year) == ("lifecycle", "annual", row.year)
    assert (signal.g_per_kwh, signal.l_per_kwh) == (row.g_per_kwh, row.l_per_kwh)
    assert 30 < signal.g_per_kwh < 60
    assert 0.03 < signal.eur_per_kwh < 0.3


def test_every_zone_leads_each_figure_to_a_source():
    catalog = default_catalog()
    for zone in catalog.zones.rows:
        signal = annual_signal(catalog, zone, AT, eur_per_kwh=0.1)
        assert set(signal.sources) == {"g_per_kwh", "l_per_kwh", "eur_per_kwh"}
        assert set(signal.sources.values()) <= set(catalog.sources)


@pytest.mark.parametrize("name", ["FR", "fr", "FRA", "fra", "France", " france "])
def test_a_zone_has_several_names(name):
    assert find_zone(default_catalog(), name).id == "FR"


@pytest.mark.parametrize("name", ["Türkiye", "turkiye", "TÜRKIYE", "TUR"])
def test_accents_and_case_do_not_matter(name):
    assert find_zone(default_catalog(), name).id == "TR"


def test_every_zone_is_found_by_each_of_its_names():
    catalog = default_catalog()
    for row in catalog.zones.rows.values():
        for name in (row.id, row.iso3, row.name):
            assert not name or find_zone(catalog, name) is row


@pytest.mark.parametrize(
    ("zone", "nearest"), [("Frence", "FR"), ("Germny", "DE"), ("xyzzy", None), ("", None), ("\0", None)]
)
def test_an_unknown_zone_names_the_nearest(zone, nearest):
    with pytest.raises(NoSignal) as caught:
        annual_signal(default_catalog(), zone, AT)
    assert caught.value.nearest == nearest


def test_the_price_of_the_user_counts_and_says_so():
    signal = annual_signal(default_catalog(), "FR", AT, eur_per_kwh=0.21)
    assert signal.eur_per_kwh == 0.21
    assert signal.sources["eur_per_kwh"] == USER_PRICE_SOURCE


def test_a_price_of_zero_is_a_price():
    assert annual_signal(default_catalog(), "FR", AT, eur_per_kwh=0.0).eur_per_kwh == 0.0


@pytest.mark.parametrize("price", [-0.1, float("nan")])
def test_a_price_that_is_none_is_our_mistake(price):
    with pytest.raises(ValueError, match="price"):
        annual_signal(default_catalog(), "FR", AT, eur_per_kwh=price)


ZONES = "id,name,iso3,year,g_per_kwh,l_per_kwh,eur_per_kwh,source\nZZ,Nowhere,,2025,100,1,,{source}\n"


def test_an_unknown_price_is_said_and_never_zero(tmp_path):
    source = next(iter(default_catalog().sources))
    (tmp_path / "zones.csv").write_text(ZONES.format(source=source))
    catalog = Catalog(tmp_path)
    with pytest.raises(NoSignal, match="electricity price"):
        annual_signal(catalog, "Nowhere", AT)
    assert annual_signal(catalog, "Nowhere", AT, eur_per_kwh=0.2).eur_per_kwh == 0.2
