import pytest

from galerne.chat.bill.receipt import PACKAGE, receipt_line, view_receipt
from galerne.chat.chain_view import STATIONS, view_chain
from galerne.language import Language, phrases
from tests.chat.fake_api import SOURCES, FakeApi, a_chain, a_receipt

EN, FR = Language.ENGLISH, Language.FRENCH


def plain(text):
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def test_the_line_says_what_and_how_it_was_known():
    line = plain(receipt_line(view_receipt(a_receipt(), language=EN)))
    amounts, _, method = line.rpartition(" · ")
    assert amounts == "56 J · 1.6 mg CO₂e · 62 µL · 1.6 µ€ electricity · 38 tokens/s"
    assert method == "modelled, between 28 J and 112 J"
    line = plain(receipt_line(view_receipt(a_receipt(), language=FR)))
    amounts, _, method = line.rpartition(" · ")
    assert amounts == "56 J · 1,6 mg CO₂e · 62 µL · 1,6 µ€ électricité · 38 jetons/s"
    assert method == "modélisé, entre 28 J et 112 J"


def test_every_number_of_the_sheet_shows_how_it_was_made_and_its_source():
    view = view_receipt(a_receipt() | {"sources": SOURCES}, language=EN)
    rows = {row.key: row for row in view.explanations}
    assert set(rows) == {"energy", "facility", "co2", "water", "cost", "speed"}
    assert "61 J × 41.4 g/kWh" in plain(rows["co2"].text)
    assert rows["co2"].sources[0].url == "https://example.org/rte"
    assert rows["facility"].sources[0].url == ""


def test_what_is_not_known_is_left_out_not_shown_as_zero():
    receipt = a_receipt() | {"cost_eur": None, "interval_ratio": None, "timing": {}}
    receipt["grid"] |= {"eur_per_kwh": None}
    receipt["co2e_g"] = {"use": 0.0007, "embodied": None}
    view = view_receipt(receipt, language=EN)
    assert [key for key, _, _ in view.amounts] == ["energy", "co2", "water"]
    assert view.interval == ""


@pytest.mark.parametrize(
    ("language", "words"), [(EN, "Accelerators drew 40 J"), (FR, "Dont 40 J pour les acc")]
)
def test_the_sheet_says_what_the_accelerators_drew_where_there_are_any(language, words):
    def energy_text(**parts):
        view = view_receipt(
            a_receipt() | {"energy_j": {"active": 41.2, "full": 55.9, **parts}}, language=language
        )
        return plain(view.explanations[0].text)

    assert words in energy_text(accelerator=40.0, host=15.9)
    assert energy_text(accelerator=0.0, host=55.9) == energy_text()


@pytest.mark.parametrize(
    ("method", "words"),
    [("measured", "3.50 W, measured here"), ("derived", "partly measured"), ("modelled", "by the catalogue")],
)
def test_the_sheet_says_what_was_taken_for_the_power_at_rest(method, words):
    receipt = a_receipt() | {"idle": {"power_w": 3.5, "method": method}}
    assert words in plain(view_receipt(receipt, language=EN).explanations[0].text)


def chain_with_answer(**changes):
    return a_chain(FakeApi(receipts={"rcpt_001": a_receipt()})) | changes


def test_the_chain_has_five_stations_and_the_arithmetic_between_them():
    view = view_chain(chain_with_answer(), language=EN)
    assert tuple(station.key for station in view.stations) == STATIONS
    sums = {link.key: tuple(map(plain, link.sums)) for link in view.links}
    assert list(sums) == ["grid", "site", "power", "share"]
    assert sums["site"] == ("55.9 J × PUE 1.09 = 61.0 J",)
    assert sums["share"] == ("41.2 J + 14.7 J = 55.9 J",)
    assert sums["grid"][0] == "61.0 J × 41.4 g/kWh = 702 µg"
    assert sums["power"] == ("4.00 W",)


def test_every_figure_of_the_chain_says_how_it_is_known():
    view = view_chain(chain_with_answer(), language=FR)
    figures = [figure for station in view.stations for figure in station.figures]
    assert {figure.method for figure in figures} <= {"measured", "derived", "modelled", "published"}
    assert all(figure.method_label and figure.method_text for figure in figures)
    assert len({figure.key for figure in figures}) == len(figures)


def test_the_figures_of_the_answer_name_the_sources_of_their_factors():
    chain = chain_with_answer()
    chain["answer"]["sources"] = SOURCES
    figures = {figure.key: figure for figure in view_chain(chain, language=EN).stations[-1].figures}
    assert figures["answer.co2e_g"].sources[0].url == "https://example.org/rte"
    assert figures["answer.cost_eur"].sources[0].url == "https://example.org/eurostat"


@pytest.mark.parametrize(
    ("name", "french"),
    [("AMD EPYC, 2 cores", "AMD EPYC, 2 cœurs"), ("Arm, 1 core, 2 x L4", "Arm, 1 cœur, 2 x L4")],
)
def test_cores_are_counted_in_the_readers_language(name, french):
    chain = chain_with_answer()
    chain["machine"]["name"] = name
    names = [
        next(
            station.detail
            for station in view_chain(chain, language=language).stations
            if station.key == "machine"
        )
        for language in (EN, FR)
    ]
    assert names == [name, french]


def test_before_the_first_answer_the_chain_stands_without_it():
    view = view_chain(chain_with_answer(answer=None), language=EN)
    assert not view.has_answer
    assert view.stations[-1].figures == ()
    assert [link.sums for link in view.links if link.key != "power"] == [(), (), ()]


def test_tokens_and_power_make_joules_per_token():
    chain = chain_with_answer()
    chain["machine"]["power_w"], chain["engine"]["tokens_per_s"] = 12.0, 120.0
    (power,) = [link for link in view_chain(chain, language=EN).links if link.key == "power"]
    assert plain(power.sums[0]) == "12.0 W ÷ 120 tokens/s = 100 mJ"


def test_the_accounts_are_shares_of_the_meter():
    view = view_chain(chain_with_answer(), language=EN)
    assert sum(account.share_ratio for account in view.accounts) == pytest.approx(1.0)


def test_without_a_meter_there_are_no_accounts():
    view = view_chain(chain_with_answer(accounts_j={"meter": 0.0}), language=EN)
    assert view.accounts == ()


def test_both_languages_have_the_same_phrases_with_the_same_places():
    english, french = phrases(PACKAGE, EN), phrases(PACKAGE, FR)
    assert set(english) == set(french)
    for key, text in english.items():
        assert sorted(_places(text)) == sorted(_places(french[key])), key


def _places(text):
    return [part.partition("}")[0] for part in text.split("{")[1:]]


def test_a_price_of_the_operator_takes_the_place_of_the_electricity_and_is_called_a_price():
    line = plain(receipt_line(view_receipt(a_receipt() | {"price_eur": 0.12}, language=EN)))
    assert "0.12 € price" in line
    assert "electricity" not in line
