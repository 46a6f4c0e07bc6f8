import json

import pytest

from galerne.catalog import default_catalog
from galerne.errors import UnknownId
from galerne.site import profile_place, profile_to_json

PUBLISHED_H = {
    "paris": {27.0: 7390, 32.0: 8421, 45.0: 8760},
    "nice": {27.0: 5615, 32.0: 7598},
    "stockholm": {17.0: 5300, 27.0: 8188},
    "ashburn": {27.0: 5750, 32.0: 7285},
    "singapore": {17.0: 0, 40.0: 8720},
}
"""Hours below the threshold counted in the hourly files the normals were made from."""


def profile(place="essonne"):
    return profile_place(default_catalog(), place)


@pytest.mark.parametrize("place", PUBLISHED_H)
def test_free_cooling_is_that_of_the_hourly_files(place):
    for supply_c, hours in PUBLISHED_H[place].items():
        assert profile(place).free_cooling_s[supply_c] / 3600 == pytest.approx(hours, rel=0.05, abs=20)


def test_warmer_water_is_free_for_longer():
    times = list(profile().free_cooling_s.values())
    assert times == sorted(times)


def test_france_knows_its_chimneys_by_the_hour():
    assert 10 < profile().direct_g_per_kwh < profile().zone.g_per_kwh
    assert profile("frankfurt").direct_g_per_kwh is None


@pytest.mark.parametrize("place", sorted(default_catalog().places.rows))
def test_every_place_has_a_profile(place):
    wire = json.loads(json.dumps(profile_to_json(profile(place)), allow_nan=False))
    assert wire["design_wet_bulb_c"] < wire["design_dry_bulb_c"]
    assert 5 < wire["build_usd_per_w"] < 20
    assert set(wire["sources"]) >= {"climate", "g_per_kwh", "build_usd_per_w"}


def test_an_unknown_place_gets_a_hint():
    with pytest.raises(UnknownId, match="essonne"):
        profile("essone")
