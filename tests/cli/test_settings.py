from pathlib import Path

import pytest

from galerne.cli.settings import SETTINGS, Settings, is_loopback, read_settings
from galerne.errors import InvalidSetting
from galerne.language import Language

HOME = {"GALERNE_HOME": "/data/galerne"}


def settings(**environ: str) -> Settings:
    return read_settings({**HOME, **environ})


def test_a_newcomer_sets_nothing():
    chosen = settings()
    assert (chosen.host, chosen.port, chosen.api_key) == ("127.0.0.1", 4747, None)
    assert (chosen.zone, chosen.price_eur_per_kwh) == ("FR", None)
    assert (chosen.place, chosen.pue_ratio, chosen.onsite_water_l_per_kwh) == ("home", 1.0, 0.0)
    assert chosen.place_source == "galerne-home"
    assert chosen.model_id == "galerne-mini"
    assert chosen.context_tokens == 8192
    assert chosen.language is Language.ENGLISH
    assert chosen.models_folder == Path("/data/galerne/models")
    assert (chosen.ledger_path, chosen.chat_path) == (chosen.home / "ledger.db", chosen.home / "chat.db")


def test_without_a_home_the_users_own_data_folder_is_taken():
    home = read_settings({}).home
    assert home.is_absolute()
    assert home.name == "galerne"


def test_an_empty_variable_is_as_if_unset():
    assert read_settings({**HOME, **dict.fromkeys(SETTINGS.keys() - HOME, "")}) == settings()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("GALERNE_MODEL", "ministral-3-3b", "model_id", "ministral-3-3b"),
        ("GALERNE_ZONE", "DE", "zone", "DE"),
        ("GALERNE_PRICE_EUR_PER_KWH", "0.18", "price_eur_per_kwh", 0.18),
        ("GALERNE_PRICE_EUR_PER_KWH", "0", "price_eur_per_kwh", 0.0),
        ("GALERNE_PLACE", "cellar", "place", "cellar"),
        ("GALERNE_PUE_RATIO", "1.3", "pue_ratio", 1.3),
        ("GALERNE_WATER_L_PER_KWH", "0.4", "onsite_water_l_per_kwh", 0.4),
        ("GALERNE_HOST", "::1", "host", "::1"),
        ("GALERNE_PORT", "0", "port", 0),
        ("GALERNE_PORT", "65535", "port", 65535),
        ("GALERNE_API_KEY", "secret", "api_key", "secret"),
        ("GALERNE_CONTEXT_TOKENS", "256", "context_tokens", 256),
        ("GALERNE_LANGUAGE", "fr", "language", Language.FRENCH),
        ("GALERNE_MODELS", "/models", "models_folder", Path("/models")),
        ("GALERNE_CATALOG", "/", "catalog_folder", Path("/")),
    ],
)
def test_every_setting_is_read(name, text, field, value):
    assert getattr(settings(**{name: text}), field) == value


def test_the_list_of_settings_is_complete_and_each_says_what_it_is():
    source = Path(read_settings.__code__.co_filename).read_text()
    assert all(source.count(f'"{name}"') >= 2 or name == "GALERNE_LANGUAGE" for name in SETTINGS)
    assert all(meaning.endswith(".") for meaning in SETTINGS.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GALERNE_PORT", "http"),
        ("GALERNE_PORT", "-1"),
        ("GALERNE_PORT", "65536"),
        ("GALERNE_PORT", "4747.5"),
        ("GALERNE_PUE_RATIO", "0.9"),
        ("GALERNE_PUE_RATIO", "nan"),
        ("GALERNE_PUE_RATIO", "inf"),
        ("GALERNE_WATER_L_PER_KWH", "-1"),
        ("GALERNE_PRICE_EUR_PER_KWH", "0,18"),
        ("GALERNE_PRICE_EUR_PER_KWH", "-0.1"),
        ("GALERNE_CONTEXT_TOKENS", "255"),
        ("GALERNE_CONTEXT_TOKENS", "1e4"),
    ],
)
def test_a_bad_number_is_refused_naming_the_variable_and_the_value(name, text):
    with pytest.raises(InvalidSetting) as caught:
        settings(**{name: text})
    assert caught.value.name == name
    assert text in caught.value.problem


def test_a_place_of_the_users_own_is_the_users_word():
    assert settings(GALERNE_PUE_RATIO="1.2").place_source == "user-place"
    assert settings(GALERNE_WATER_L_PER_KWH="0").place_source == "user-place"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_computer_alone_needs_no_key(host):
    assert is_loopback(host)
    settings(GALERNE_HOST=host).require_key_off_loopback()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "localhost.example.org", ""])
def test_any_other_address_needs_one(host):
    assert not is_loopback(host)
    if host:
        with pytest.raises(InvalidSetting, match="GALERNE_API_KEY"):
            settings(GALERNE_HOST=host).require_key_off_loopback()
        settings(GALERNE_HOST=host, GALERNE_API_KEY="k").require_key_off_loopback()
