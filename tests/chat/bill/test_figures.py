import pytest

from galerne.chat.bill.figures import decimal, duration, number, quantity, rate, share
from galerne.language import Language

EN, FR = Language.ENGLISH, Language.FRENCH


@pytest.mark.parametrize(
    ("value", "unit", "english", "french"),
    [
        (55.9, "J", "55.9 J", "55,9 J"),
        (0.00064, "g", "640 µg", "640 µg"),
        (0.0000023, "€", "2.30 µ€", "2,30 µ€"),
        (0.0012, "€", "0.00120 €", "0,00120 €"),
        (1_234_567.0, "€", "1,234,567 €", "1 234 567 €"),
        (1_500_000.0, "g", "1.50 t", "1,50 t"),
        (2_500.0, "L", "2.50 m³", "2,50 m³"),
        (999.7, "W", "1.00 kW", "1,00 kW"),
        (0.0, "J", "0 J", "0 J"),
        (-14.7, "J", "−14.7 J", "−14,7 J"),
    ],
)
def test_quantities_in_both_languages(value, unit, english, french):
    spaced = {"en": english.replace(" ", "\u202f"), "fr": french.replace(" ", "\u202f")}
    assert {
        "en": str(quantity(value, unit, language=EN)),
        "fr": str(quantity(value, unit, language=FR)),
    } == spaced


def test_significant_digits_keep_their_zeros():
    assert number(1.0, language=EN) == "1.00"
    assert number(41.4, language=FR) == "41,4"
    assert number(0.06, language=EN, digits=2) == "0.060"


def test_a_number_that_is_none_is_not_written_as_zero():
    assert number(float("nan"), language=EN) == "–"


def test_rates_take_no_prefix():
    assert str(rate(0.0942, "€/kWh", language=FR)) == "0,0942\u202f€/kWh"


def test_decimals_and_durations():
    assert decimal(1.0, language=FR, decimals=2) == "1,00"
    assert str(duration(0.12, language=EN)) == "120\u202fms"
    assert str(duration(2.5, language=FR)) == "2,5\u202fs"


def test_shares_are_written_in_each_language():
    assert share(0.125, language=Language.ENGLISH, decimals=1) == "12.5%"
    assert share(0.125, language=Language.FRENCH, decimals=1) == "12,5\u202f%"
    assert share(1.0, language=Language.FRENCH) == "100\u202f%"
