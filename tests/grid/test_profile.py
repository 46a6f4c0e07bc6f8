import csv
import io
from datetime import UTC, datetime

import pytest

from galerne.catalog import default_catalog, packaged_text
from galerne.errors import InvalidFact
from galerne.grid import annual_signal, direct_profile, direct_profile_g_per_kwh
from galerne.grid.profile import read_profile

FILENAME = "fr_direct_month_hour_2025.csv"


def instant(month, hour, *, year=2026):
    return datetime(year, month, 15, hour, 59, tzinfo=UTC).timestamp()


def test_every_month_and_hour_is_that_of_the_table():
    for row in csv.DictReader(io.StringIO(packaged_text(FILENAME))):
        at = instant(int(row["month"]), int(row["hour_utc"]))
        assert direct_profile_g_per_kwh("FR", at) == float(row["direct_g_per_kwh"])


def test_the_profile_leads_to_its_source_and_year():
    profile = direct_profile("FR")
    assert profile.year == 2025
    assert profile.source in default_catalog().sources


def test_a_zone_without_profile_has_none():
    assert direct_profile("DE") is None
    assert direct_profile_g_per_kwh("DE", instant(1, 0)) is None


def test_what_burns_is_less_than_the_whole_life_cycle():
    mean = sum(direct_profile("FR").g_per_kwh_by_hour.values()) / 288
    assert 0 < mean < annual_signal(default_catalog(), "FR", 0.0).g_per_kwh


def table(change=lambda line: line):
    lines = packaged_text(FILENAME).splitlines()
    return "\n".join([lines[0], *(change(line) for line in lines[1:])])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "288 hours"),
        ("month,hour_utc\n1,0\n", ":2"),
        (table(lambda line: line.replace("1,0,28.2", "1,0,many")), ":2"),
        (table(lambda line: line.replace("1,0,28.2", "1,0,-5")), ":2"),
        (table(lambda line: line.replace("1,0,28.2", "1,0,nan")), ":2"),
        (table(lambda line: line.replace("1,0,28.2", "13,0,28.2")), "missing or in excess"),
        (table(lambda line: line.replace("1,0,28.2", "1,1,28.2")), "missing or in excess"),
        (table(lambda line: line.rpartition(",")[0] + ","), "one source"),
    ],
)
def test_a_table_that_is_not_one_is_refused(text, problem):
    with pytest.raises(InvalidFact, match=problem):
        read_profile(text, zone="FR", year=2025, origin="table.csv")
