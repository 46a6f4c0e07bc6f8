"""Everything that can be set, read once. No other part of Galerne looks at the environment.

Each setting is an environment variable, its name and meaning in ``SETTINGS``; the reference is made from it.
"""

from __future__ import annotations

import ipaddress
import math
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from galerne.cli.options import read_duration_s
from galerne.errors import InvalidRequest, InvalidSetting
from galerne.language import Language, environment_language

SETTINGS: Mapping[str, str] = {
    "GALERNE_HOME": "Folder of the ledger, conversations and models (default: the user's data folder).",
    "GALERNE_LEDGER": "URL of the ledger's PostgreSQL database (default: a SQLite file in GALERNE_HOME).",
    "GALERNE_CATALOG": "Folder whose tables overlay the packaged catalogue, row by row.",
    "GALERNE_MODELS": "Folder of GGUF model files (default: models in GALERNE_HOME).",
    "GALERNE_STORES": "Folders of other programs' models, none, or their usual ones (default).",
    "GALERNE_MODEL": "Model to serve when none is named (default: galerne-mini).",
    "GALERNE_ZONE": "Grid zone of this machine (default: FR). It is never guessed.",
    "GALERNE_PRICE_EUR_PER_KWH": "What you pay for electricity (default: the zone's industrial price).",
    "GALERNE_TARIFF": "File of your electricity tariff: fixed, time-of-use or day-ahead.",
    "GALERNE_GRID": "annual or profile; or live, odre, uk, entsoe, electricity-maps (default: annual).",
    "GALERNE_ENTSOE_KEY": "Your key of the ENTSO-E platform, for its generation and day-ahead prices.",
    "GALERNE_ELECTRICITY_MAPS_KEY": "Your key of Electricity Maps.",
    "GALERNE_MARKET_G_PER_KWH": "Emission factor of your contract: beside the place's, never instead.",
    "GALERNE_MARKET_SOURCE": "What proves that factor, in your words (default: user-contract).",
    "GALERNE_PRICES": "File of what you ask for each model (default: prices.toml in GALERNE_HOME, if any).",
    "GALERNE_QUEUE_TOKENS": "Expected tokens that may wait before an engine (default: 1000000).",
    "GALERNE_QUEUE_S": "Longest expected time to the first token worth waiting (default: 300).",
    "GALERNE_PLACE": "Name of the place this machine stands in (default: home).",
    "GALERNE_PUE_RATIO": "Power usage effectiveness of that place (default: 1, nothing added at home).",
    "GALERNE_WATER_L_PER_KWH": "Water evaporated on site per kWh of IT energy (default: 0 at home).",
    "GALERNE_METER": "auto, modelled, or a TOML file that describes a wall meter (default: auto).",
    "GALERNE_HOST": "Address the daemon listens on (default: 127.0.0.1).",
    "GALERNE_PORT": "Port the daemon listens on (default: 4747).",
    "GALERNE_HOSTS": "Names, separated by commas, by which others call this machine (default: none).",
    "GALERNE_API_KEY": "Key that clients must send; required on any address but loopback.",
    "GALERNE_HUB": "Hub that `galerne pull` fetches from (default: HF_ENDPOINT, else https://huggingface.co).",
    "GALERNE_FETCH_IMAGES": "1 to fetch images that requests name by address, public ones only (default: 0).",
    "GALERNE_OFFLINE": "1 to fetch nothing from any network (default: 0).",
    "GALERNE_CONTEXT_TOKENS": "Context of one conversation (default: the model's own, at most 8192).",
    "GALERNE_KEEP_LOADED": "How long an unused model stays loaded (default: 5m; `forever` to keep it).",
    "GALERNE_LOAD_PATIENCE": "How long a request waits for its model to load (default: 2m).",
    "GALERNE_LOAD_ANYWAY": "1 to load models that do not fit in memory (default: refuse, with the numbers).",
    "GALERNE_MEMORY_BYTES": "Most memory for all models together (default: what is free).",
    "GALERNE_PINNED": "Models, separated by commas, that are loaded at the start and stay (default: none).",
    "GALERNE_TUNE": "auto to measure the engine's best settings while nobody asks, or off (default: auto).",
    "GALERNE_GPU": "auto, off, or most layers of a model on GPUs (default: auto, as many as fit).",
    "GALERNE_LANGUAGE": "en or fr (default: by the terminal's locale).",
}
"""Every environment variable Galerne reads, and what it means."""

DEFAULT_PORT = 4747
DEFAULT_ZONE = "FR"
LEDGER_KINDS = ("postgresql", "sqlite")
GRID_SOURCES = ("annual", "profile", "live", "odre", "uk", "entsoe", "electricity-maps")
"""Packaged figures first; the others ask over the network, and only because they were named."""
DEFAULT_HUB = "https://huggingface.co"
MAX_DEFAULT_CONTEXT_TOKENS = 8192
DEFAULT_KEEP_LOADED_S = 300.0
DEFAULT_LOAD_PATIENCE_S = 120.0
FOREVER = frozenset({"forever", "-1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user chose.

    Attributes:
        price_eur_per_kwh: None for the zone's own.
        grid_source: packaged figures, or the live source that the user named.
        keep_loaded_s: how long an unused model stays loaded; None for ever.
        load_patience_s: how long a request waits for its model; None for ever.
        gpu_layers: most layers of a model on GPUs; None for as many as fit.
        tunes_idle: whether models are measured while nobody asks.
        memory_bytes: most memory for all models together; None for what is free.
        place_source: source key of the place's factors: the user's word, or that nothing is added at home.
        meter: ``auto``, ``modelled``, or the path of a wall meter's description.
    """

    home: Path
    ledger: str | None
    models_folder: Path
    catalog_folder: Path | None
    model_id: str
    zone: str
    price_eur_per_kwh: float | None
    tariff: Path | None
    prices: Path | None
    queue_tokens: int
    queue_s: float
    grid_source: str
    entsoe_key: str | None
    electricity_maps_key: str | None
    market_g_per_kwh: float | None
    market_source: str
    place: str
    pue_ratio: float
    onsite_water_l_per_kwh: float
    place_source: str
    meter: str
    host: str
    port: int
    host_names: tuple[str, ...]
    api_key: str | None
    context_tokens: int
    language: Language
    hub: str = DEFAULT_HUB
    stores: tuple[Path, ...] = ()
    offline: bool = False
    keep_loaded_s: float | None = DEFAULT_KEEP_LOADED_S
    load_patience_s: float | None = DEFAULT_LOAD_PATIENCE_S
    load_anyway: bool = False
    fetches_images: bool = False
    memory_bytes: int | None = None
    pinned: tuple[str, ...] = ()
    tunes_idle: bool = True
    gpu_layers: int | None = None

    @property
    def ledger_path(self) -> Path:
        """The ledger's file, where it is not in another database."""
        return self.home / "ledger.db"

    @property
    def ledger_url(self) -> str:
        """The ledger's database."""
        from galerne.storage import sqlite_url

        return self.ledger or sqlite_url(self.ledger_path)

    @property
    def simulated_ledger_url(self) -> str:
        """The database of simulated answers, apart from the ledger."""
        from galerne.storage import sqlite_url

        return sqlite_url(self.home / "ledger-simulated.db")

    @property
    def tools_path(self) -> Path:
        """The file that names the assistant's tool servers."""
        return self.home / "tools.toml"

    @property
    def engines_path(self) -> Path:
        """The file that names further engines."""
        return self.home / "engines.toml"

    @property
    def chat_path(self) -> Path:
        """The conversations' database."""
        return self.home / "chat.db"

    def require_key_off_loopback(self) -> None:
        """Refuse to serve others without a key.

        Raises:
            InvalidSetting: the address can be reached from elsewhere and no key is set.
        """
        if self.api_key or is_loopback(self.host):
            return
        problem = f"serving on {self.host} needs a key: `galerne key create` makes one"
        raise InvalidSetting(name="GALERNE_API_KEY", problem=problem)


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a value that does not parse stops the program.

    Raises:
        InvalidSetting: names the variable and what is wrong with it.
    """
    home = Path(environ.get("GALERNE_HOME") or platformdirs.user_data_dir("galerne", appauthor=False))
    own_place = environ.get("GALERNE_PUE_RATIO") or environ.get("GALERNE_WATER_L_PER_KWH")
    return Settings(
        home=home.expanduser().absolute(),
        ledger=_ledger(environ),
        models_folder=Path(environ.get("GALERNE_MODELS") or home / "models").expanduser().absolute(),
        catalog_folder=_folder(environ, "GALERNE_CATALOG"),
        model_id=environ.get("GALERNE_MODEL") or "galerne-mini",
        zone=environ.get("GALERNE_ZONE") or DEFAULT_ZONE,
        price_eur_per_kwh=_number(environ, "GALERNE_PRICE_EUR_PER_KWH", None, least=0.0),
        tariff=_file(environ, "GALERNE_TARIFF"),
        prices=_file(environ, "GALERNE_PRICES") or _existing(home.expanduser().absolute() / "prices.toml"),
        queue_tokens=_whole(environ, "GALERNE_QUEUE_TOKENS", 1_000_000, least=1),
        queue_s=_number(environ, "GALERNE_QUEUE_S", 300.0, least=0.0) or 0.0,
        grid_source=_choice(environ, "GALERNE_GRID", GRID_SOURCES),
        entsoe_key=environ.get("GALERNE_ENTSOE_KEY") or None,
        electricity_maps_key=environ.get("GALERNE_ELECTRICITY_MAPS_KEY") or None,
        market_g_per_kwh=_number(environ, "GALERNE_MARKET_G_PER_KWH", None, least=0.0),
        market_source=environ.get("GALERNE_MARKET_SOURCE") or "user-contract",
        place=environ.get("GALERNE_PLACE") or "home",
        pue_ratio=_number(environ, "GALERNE_PUE_RATIO", 1.0, least=1.0) or 1.0,
        onsite_water_l_per_kwh=_number(environ, "GALERNE_WATER_L_PER_KWH", 0.0, least=0.0) or 0.0,
        place_source="user-place" if own_place else "galerne-home",
        meter=environ.get("GALERNE_METER") or "auto",
        host=checked_host(environ.get("GALERNE_HOST") or "127.0.0.1"),
        port=_whole(environ, "GALERNE_PORT", DEFAULT_PORT, least=0, most=65535),
        host_names=_names(environ, "GALERNE_HOSTS"),
        api_key=environ.get("GALERNE_API_KEY") or None,
        context_tokens=_whole(environ, "GALERNE_CONTEXT_TOKENS", MAX_DEFAULT_CONTEXT_TOKENS, least=256),
        language=_language(environ),
        gpu_layers=_gpu_layers(environ),
        tunes_idle=_choice(environ, "GALERNE_TUNE", ("auto", "off")) == "auto",
        hub=_web_address(environ, "GALERNE_HUB", environ.get("HF_ENDPOINT") or DEFAULT_HUB),
        stores=_stores(environ),
        offline=_truth(environ, "GALERNE_OFFLINE"),
        keep_loaded_s=_duration_s(environ, "GALERNE_KEEP_LOADED", DEFAULT_KEEP_LOADED_S),
        load_patience_s=_duration_s(environ, "GALERNE_LOAD_PATIENCE", DEFAULT_LOAD_PATIENCE_S),
        load_anyway=_truth(environ, "GALERNE_LOAD_ANYWAY"),
        fetches_images=_truth(environ, "GALERNE_FETCH_IMAGES"),
        memory_bytes=int(_number(environ, "GALERNE_MEMORY_BYTES", None, least=1.0) or 0) or None,
        pinned=_names(environ, "GALERNE_PINNED"),
    )


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in environ.get(name, "").split(",") if word.strip())


def checked_host(text: str) -> str:
    """An address to listen on; one of numbers must be one that can be.

    Raises:
        InvalidSetting: ``300.1.1.1`` is nobody's address.
    """
    bare = text.strip("[]")
    if ":" in bare or set(bare) <= set("0123456789."):
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            problem = f"{text!r} is not an address such as 127.0.0.1 or 0.0.0.0"
            raise InvalidSetting(name="GALERNE_HOST", problem=problem) from None
    return text


def _ledger(environ: Mapping[str, str]) -> str | None:
    text = environ.get("GALERNE_LEDGER") or None
    kind = (text or "").partition(":")[0].partition("+")[0]
    if text and kind not in LEDGER_KINDS:
        # Not the URL itself: it may hold a password.
        problem = f"{kind!r} is no database that the ledger knows; it is one of {', '.join(LEDGER_KINDS)}"
        raise InvalidSetting(name="GALERNE_LEDGER", problem=problem)
    return text


def _language(environ: Mapping[str, str]) -> Language:
    text = environ.get("GALERNE_LANGUAGE")
    if text and text.strip().lower()[:2] not in set(Language):
        raise InvalidSetting(name="GALERNE_LANGUAGE", problem=f"{text!r} is neither en nor fr")
    return environment_language(environ)


def _stores(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where other programs keep models: those of Ollama, LM Studio and Hugging Face, or what is set."""
    text = environ.get("GALERNE_STORES", "").strip()
    if text.lower() == "none":
        return ()
    if text:
        return tuple(Path(folder).expanduser().absolute() for folder in text.split(os.pathsep))
    from galerne.models.stores import default_stores

    home = environ.get("HOME")
    return default_stores(Path(home), ollama=environ.get("OLLAMA_MODELS") or None) if home else ()


def _gpu_layers(environ: Mapping[str, str]) -> int | None:
    text = environ.get("GALERNE_GPU", "").strip().lower()
    if text in {"", "auto"}:
        return None
    return 0 if text == "off" else _whole(environ, "GALERNE_GPU", 0, least=0)


def _truth(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in {"", "0", "1", "no", "yes", "false", "true"}:
        raise InvalidSetting(name=name, problem=f"{text!r} is neither 1 nor 0")
    return text in {"1", "yes", "true"}


def _web_address(environ: Mapping[str, str], name: str, default: str) -> str:
    text = (environ.get(name) or default).rstrip("/")
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidSetting(name=name, problem=f"{text!r} is not an address such as {DEFAULT_HUB}")
    return text


def _duration_s(environ: Mapping[str, str], name: str, default: float) -> float | None:
    """A length of time such as 5m; None for ever."""
    text = environ.get(name, "").strip()
    if text in FOREVER:
        return None
    try:
        return read_duration_s(text, name=name) if text else default
    except InvalidRequest as error:
        raise InvalidSetting(name=name, problem=error.problem) from error


def _folder(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise InvalidSetting(name=name, problem=f"there is no folder {path}")
    return path


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise InvalidSetting(name=name, problem=f"there is no file {path}")
    return path


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _choice(environ: Mapping[str, str], name: str, known: Sequence[str]) -> str:
    text = environ.get(name) or known[0]
    if text not in known:
        raise InvalidSetting(name=name, problem=f"one of {', '.join(known)}, not {text!r}")
    return text


def _number(environ: Mapping[str, str], name: str, default: float | None, *, least: float) -> float | None:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidSetting(name=name, problem=f"{text!r} is not a number") from error
    if not least <= value < math.inf:
        raise InvalidSetting(name=name, problem=f"{text} is not a number from {least:g} up")
    return value


def _whole(
    environ: Mapping[str, str], name: str, default: int, *, least: int, most: int | None = None
) -> int:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError as error:
        raise InvalidSetting(name=name, problem=f"{text!r} is not a whole number") from error
    if value < least or (most is not None and value > most):
        limits = f"from {least} up" if most is None else f"from {least} to {most}"
        raise InvalidSetting(name=name, problem=f"{text} is not a number {limits}")
    return value
