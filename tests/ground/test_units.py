import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.units import (
    HOUR_S,
    KWH_J,
    REFUSED_SUFFIXES,
    SUFFIXES,
    YEAR_S,
    from_microjoules,
    to_microjoules,
    with_prefix,
)

PREFIX_SCALES = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (44e6, "W", "44 MW"),
        (1e9, "W", "1 GW"),
        (0, "J", "0 J"),
        (0.0, "g", "0 g"),
        (1, "s", "1 s"),
        (999.4, "W", "999 W"),
        (999.6, "W", "1 kW"),
        (0.9996, "W", "1 W"),
        (0.9994, "W", "999 mW"),
        (0.0123, "s", "12.3 ms"),
        (4.56e-7, "g", "456 ng"),
        (1e-12, "g", "0.001 ng"),
        (2.5e15, "B", "2,500 TB"),
        (-1500, "W", "-1.5 kW"),
        (1234, "B", "1.23 kB"),
        (99.96, "W", "100 W"),
    ],
)
def test_a_quantity_is_written_with_the_prefix_people_use(value, unit, text):
    assert with_prefix(value, unit) == text


def test_digits_are_the_callers_choice():
    assert with_prefix(1234.0, "W", digits=2) == "1.2 kW"
    assert with_prefix(1234.0, "W", digits=4) == "1.234 kW"
    assert with_prefix(12345.0, "W", digits=2) == "12 kW"


@given(st.floats(min_value=1e-9, max_value=1e14), st.sampled_from([1, -1]))
def test_what_is_written_reads_back_within_its_digits(value, sign):
    number, unit = with_prefix(sign * value, "W").split(" ")
    read_back = float(number.replace(",", "")) * PREFIX_SCALES[unit.removesuffix("W")]
    assert read_back == pytest.approx(sign * value, rel=0.005 + 1e-12)
    if 1e-9 <= value < 1e15:
        assert abs(float(number.replace(",", ""))) < 1000 or unit == "TW"


@given(st.integers(min_value=-(2**52), max_value=2**52))
def test_whole_microjoules_survive_the_way_to_joules_and_back(energy_uj):
    assert to_microjoules(from_microjoules(energy_uj)) == energy_uj


@given(st.floats(min_value=0, max_value=1e9))
def test_rounding_to_microjoules_loses_less_than_one(energy_j):
    kept_uj = to_microjoules(energy_j)
    assert isinstance(kept_uj, int)
    assert from_microjoules(kept_uj) == pytest.approx(energy_j, abs=0.7e-6)


def test_no_ending_is_both_allowed_and_refused():
    assert not SUFFIXES.keys() & REFUSED_SUFFIXES
    for suffix in [*SUFFIXES, *REFUSED_SUFFIXES]:
        assert suffix.startswith("_")
        assert suffix == suffix.lower()
    assert all(SUFFIXES.values())


def test_the_constants_agree_with_each_other():
    assert KWH_J == 1000 * HOUR_S
    assert YEAR_S == 365 * 24 * 3600
