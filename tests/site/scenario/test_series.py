import datetime as dt

import numpy as np
import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.site import plan_site, read_hourly, read_scenario
from galerne.site.scenario.records import Series
from tests.site.factories import ESSONNE, plan_of

START = dt.datetime(2025, 1, 1)
HOURS = [START + dt.timedelta(hours=n) for n in range(8760)]


def price_rows(values=None, hours=HOURS, unit="eur_per_mwh"):
    values = values if values is not None else [60.0] * len(hours)
    return [f"at,{unit}", *(f"{at.isoformat()},{value}" for at, value in zip(hours, values, strict=True))]


def read_prices(folder, rows, **series):
    (folder / "prices.csv").write_text("\n".join(rows), encoding="utf-8")
    return read_hourly(Series(prices="prices.csv", **series), folder=folder)


def fault(folder, rows, **series):
    with pytest.raises(InvalidScenario) as caught:
        read_prices(folder, rows, **series)
    return f"{caught.value.path} {caught.value.problem}"


def test_a_year_of_prices_reads(tmp_path):
    hourly = read_prices(tmp_path, price_rows())
    np.testing.assert_allclose(hourly.price_eur_per_kwh, 0.06)
    assert hourly.calendar.weekend[:24].sum() == 0  # 1 January 2025 was a Wednesday
    assert hourly.calendar.weekend[3 * 24 : 5 * 24].all()


def test_a_missing_hour_names_its_row(tmp_path):
    rows = price_rows()
    del rows[101]
    assert fault(tmp_path, rows).startswith("prices.csv:102 1 hours are missing")


def test_an_hour_that_is_there_twice_names_both_rows(tmp_path):
    rows = price_rows()
    rows.insert(51, rows[50])
    assert "prices.csv:52" in fault(tmp_path, rows)
    assert "row 51" in fault(tmp_path, rows)


def test_summer_time_is_recognised(tmp_path):
    local = [at for at in HOURS if at != dt.datetime(2025, 3, 30, 2)]
    assert "summer time" in fault(tmp_path, price_rows(hours=local))


def test_instants_with_an_offset_need_no_guess(tmp_path):
    paris = []
    for at in HOURS:
        summer = dt.datetime(2025, 3, 30, 2) <= at < dt.datetime(2025, 10, 26, 2)
        zone = dt.timezone(dt.timedelta(hours=2 if summer else 1))
        instant = at.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
        paris.append(instant.astimezone(zone))
    hourly = read_prices(tmp_path, price_rows(hours=paris), standard_offset=1)
    assert hourly.price_eur_per_kwh.size == 8760


def test_hours_in_utc_are_turned_to_local_standard_time(tmp_path):
    utc = [at.replace(tzinfo=dt.UTC) for at in HOURS]
    values = [float(at.hour) for at in HOURS]
    hourly = read_prices(tmp_path, price_rows(values, hours=utc), standard_offset=1)
    np.testing.assert_allclose(hourly.price_eur_per_kwh[1:24] * 1e3, np.arange(23))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda rows: [*rows[:1], "2025-01-01T00:00,sixty", *rows[2:]],
            "prices.csv:2 eur_per_mwh is not a number",
        ),
        (lambda rows: [rows[0].replace("mwh", "kwh"), *rows[1:]], "call the column eur_per_mwh"),
        (lambda rows: ["when,price", *rows[1:]], "needs the columns at and"),
        (lambda rows: [*rows[:1], "noon,60", *rows[2:]], "is not an instant"),
        (lambda rows: [*rows[:1], "2025-01-01T00:30,60", *rows[2:]], "is not a whole hour"),
        (lambda rows: rows[:5000], "not over a whole year"),
        (lambda rows: rows[:1], "has no hours"),
    ],
)
def test_what_cannot_be_is_refused_by_row(tmp_path, change, says):
    assert says in fault(tmp_path, change(price_rows()))


def test_a_leap_day_is_left_out(tmp_path):
    hours = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=n) for n in range(8784)]
    assert read_prices(tmp_path, price_rows(hours=hours)).price_eur_per_kwh.size == 8760


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidScenario, match=r"weather\.csv"):
        read_hourly(Series(weather="weather.csv"), folder=tmp_path)


def weather_rows(dry, humidity):
    return ["at,dry_bulb_c,humidity_ratio", *(f"{at.isoformat()},{dry},{humidity}" for at in HOURS)]


def test_own_weather_replaces_the_normals(tmp_path):
    (tmp_path / "w.csv").write_text("\n".join(weather_rows(20.0, 0.5)), encoding="utf-8")
    hourly = read_hourly(Series(weather="w.csv"), folder=tmp_path)
    assert hourly.weather.hourly
    np.testing.assert_allclose(hourly.weather.wet_bulb_c, 13.7, atol=0.1)  # Stull's own example


def test_fahrenheit_is_noticed(tmp_path):
    (tmp_path / "w.csv").write_text("\n".join(weather_rows(95.0, 0.5)), encoding="utf-8")
    with pytest.raises(InvalidScenario, match=r"w.csv:2.*Fahrenheit"):
        read_hourly(Series(weather="w.csv"), folder=tmp_path)


def epw(dry="10.0"):
    head = [f"header {n}" for n in range(8)]
    rows = [f"1999,{at.month},{at.day},{at.hour + 1},60,flags,{dry},5.0,70,101325" for at in HOURS]
    return "\n".join([*head, *rows])


def test_an_epw_file_is_weather(tmp_path):
    (tmp_path / "site.epw").write_text(epw(), encoding="utf-8")
    weather = read_hourly(Series(weather="site.epw"), folder=tmp_path).weather
    assert weather.dry_bulb_c.size == 8760
    assert (weather.wet_bulb_c < weather.dry_bulb_c).all()


def test_a_missing_value_of_an_epw_file_names_its_row(tmp_path):
    (tmp_path / "site.epw").write_text(epw(dry="99.9"), encoding="utf-8")
    with pytest.raises(InvalidScenario, match=r"site\.epw:9"):
        read_hourly(Series(weather="site.epw"), folder=tmp_path)


def plan_with(hourly):
    lines = [line for line in ESSONNE.splitlines() if not line.startswith("electricity_eur")]
    return plan_site(read_scenario("\n".join(lines)), catalog=default_catalog(), hourly=hourly)


def test_a_flat_year_of_prices_costs_what_the_price_costs(tmp_path):
    plan = plan_with(read_prices(tmp_path, price_rows([80.0] * 8760)))
    assert plan.figures["electricity_eur_per_kwh"].value == pytest.approx(0.08)
    assert plan.figures["yearly_energy_eur"].value == pytest.approx(
        plan_of().figures["yearly_energy_eur"].value, rel=1e-6
    )


def test_dear_afternoons_cost_more_than_dear_nights(tmp_path):
    def mean_price(dear_hour):
        values = [200.0 if at.hour == dear_hour else 50.0 for at in HOURS]
        return plan_with(read_prices(tmp_path, price_rows(values))).figures["electricity_eur_per_kwh"].value

    assert mean_price(15) > mean_price(3)


def test_hourly_carbon_replaces_the_yearly_mean(tmp_path):
    rows = ["at,g_per_kwh", *(f"{at.isoformat()},100" for at in HOURS)]
    (tmp_path / "c.csv").write_text("\n".join(rows), encoding="utf-8")
    hourly = read_hourly(Series(carbon="c.csv"), folder=tmp_path)
    plan = plan_site(read_scenario(ESSONNE), catalog=default_catalog(), hourly=hourly)
    grams = plan.figures["use_co2_g"].value / (plan.figures["facility_j"].value / 3.6e6)
    assert grams == pytest.approx(100)


def test_one_price_only(tmp_path):
    hourly = read_prices(tmp_path, price_rows())
    with pytest.raises(InvalidScenario, match="give one price"):
        plan_site(read_scenario(ESSONNE), catalog=default_catalog(), hourly=hourly)
