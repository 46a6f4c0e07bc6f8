from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from galerne.catalog import default_catalog
from galerne.clock import ManualClock
from galerne.errors import InvalidTariff, NoSignal
from galerne.grid import (
    Electricity,
    HourlyPrices,
    read_tariff,
)

PARIS = ZoneInfo("Europe/Paris")
ANSWERS = Path(__file__).parent / "answers"
HP_HC = """
kind = "time-of-use"
source = "Contract 42, off-peak option"
time_zone = "Europe/Paris"

[[periods]]
name = "weekend"
eur_per_kwh = 0.10
days = ["sat", "sun"]

[[periods]]
name = "creuses"
eur_per_kwh = 0.17
hours = ["22:30-06:30"]

[[periods]]
name = "pleines"
eur_per_kwh = 0.22
"""


def at(*parts):
    return datetime(*parts, tzinfo=PARIS).timestamp()


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "tariff.toml"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize(
    ("instant", "name", "price"),
    [
        (at(2026, 5, 12, 12, 0), "pleines", 0.22),
        (at(2026, 5, 12, 22, 29, 59), "pleines", 0.22),
        (at(2026, 5, 12, 22, 30), "creuses", 0.17),
        (at(2026, 5, 13, 6, 29, 59), "creuses", 0.17),
        (at(2026, 5, 13, 6, 30), "pleines", 0.22),
        (at(2026, 5, 16, 12, 0), "weekend", 0.10),
        (at(2026, 3, 29, 3, 30), "weekend", 0.10),
        (at(2026, 10, 26, 2, 30), "creuses", 0.17),
    ],
)
def test_the_first_period_that_holds_by_the_local_clock_counts(write, instant, name, price):
    found = read_tariff(write(HP_HC)).make(lambda: None).price(instant)
    assert (found.eur_per_kwh, found.kind) == (price, "time-of-use")
    assert found.source == f"Contract 42, off-peak option: {name}"


def test_a_span_past_midnight_belongs_to_the_day_it_begins_on(write):
    text = HP_HC.replace('days = ["sat", "sun"]', 'days = ["fri"]\nhours = "20:00-08:00"')
    tariff = read_tariff(write(text)).make(lambda: None)
    assert tariff.price(at(2026, 5, 16, 7, 0)).eur_per_kwh == 0.10
    assert tariff.price(at(2026, 5, 15, 7, 0)).eur_per_kwh == 0.22


def test_the_price_in_force_is_in_the_signal_with_its_kind_and_words(write):
    tariff = read_tariff(write(HP_HC)).make(lambda: None)
    clock = ManualClock(at(2026, 5, 12, 22, 0))
    electricity = Electricity(default_catalog(), zone="FR", clock=clock, tariff=tariff)
    assert (electricity.now().eur_per_kwh, electricity.now().price_kind) == (0.22, "time-of-use")
    clock.advance(3600.0)
    assert electricity.now().eur_per_kwh == 0.17
    assert "creuses" in electricity.now().sources["eur_per_kwh"]


def test_an_hour_without_a_price_falls_back_to_the_zones_and_says_so(write):
    text = HP_HC.partition('[[periods]]\nname = "pleines"')[0]
    tariff = read_tariff(write(text)).make(lambda: None)
    signal = Electricity(
        default_catalog(), zone="FR", clock=ManualClock(at(2026, 5, 12, 12, 0)), tariff=tariff
    ).now()
    assert (signal.eur_per_kwh, signal.price_kind) == (0.0942, "industrial")
    assert "Contract 42" in signal.missing


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "kind"),
        ('kind = "lottery"', "lottery"),
        ('kind = "fixed"\neur_per_kwh = 0.2', "source"),
        ('kind = "fixed"\nsource = "x"\neur_per_kwh = -1', "eur_per_kwh"),
        ('kind = "fixed"\nsource = "x"\neur_per_kwh = nan', "eur_per_kwh"),
        ('kind = "fixed"\nsource = "x"\neur_per_kwh = 0.2\ncents = 3', "cents"),
        (HP_HC.replace("22:30-06:30", "25:00-26:00"), "hours"),
        (HP_HC.replace('"sat"', '"samedi"'), "days"),
        (HP_HC.replace("Europe/Paris", "../../etc/passwd"), "time_zone"),
        ('kind = "time-of-use"\nsource = "x"\nperiods = 3', "periods"),
        ('kind = "day-ahead"\nsource = "x"\nfile = "nowhere.csv"', "nowhere.csv"),
        ("kind = ", "Invalid value"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_the_name_of_the_key(write, text, named):
    with pytest.raises(InvalidTariff, match=named):
        read_tariff(write(text))


def test_a_recorded_day_ahead_file_is_the_counterpart_of_the_market(write, tmp_path):
    (tmp_path / "spot.csv").write_text(
        "start_at,eur_per_kwh\n2026-06-03T00:00Z,0.03\n2026-06-03T01:00Z,-0.0055\n"
    )
    text = 'kind = "day-ahead"\nsource = "Spot contract"\nfile = "spot.csv"\n'
    text += "supplement_eur_per_kwh = 0.09\nfactor = 1.1"
    file = read_tariff(write(text))
    tariff = file.make(lambda: None)
    assert not file.wants_live
    half_past_one = datetime.fromisoformat("2026-06-03T01:30+00:00").timestamp()
    price = tariff.price(half_past_one)
    assert price.eur_per_kwh == pytest.approx(-0.0055 * 1.1 + 0.09)
    assert price.source == "Spot contract (spot.csv)"
    with pytest.raises(NoSignal):
        tariff.price(half_past_one + 3600)


def test_a_price_below_zero_reaches_the_signal(write, tmp_path):
    (tmp_path / "spot.csv").write_text("start_at,eur_per_kwh\n2026-06-03T01:00Z,-0.0055\n")
    tariff = read_tariff(write('kind = "day-ahead"\nsource = "s"\nfile = "spot.csv"')).make(lambda: None)
    clock = ManualClock(datetime.fromisoformat("2026-06-03T01:59+00:00").timestamp())
    signal = Electricity(default_catalog(), zone="FR", clock=clock, tariff=tariff).now()
    assert (signal.eur_per_kwh, signal.price_kind) == (-0.0055, "day-ahead")


def test_quarters_come_before_hours():
    prices = HourlyPrices(eur_per_kwh_by_start_at={0.0: 0.1, 900.0: 0.2}, source="s")
    assert (prices.at(10.0), prices.at(1000.0), prices.at(1800.0)) == (0.1, 0.2, 0.1)
