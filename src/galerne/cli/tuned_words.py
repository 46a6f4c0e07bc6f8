"""What is told of measured settings: to people and to programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from galerne.chat.bill.figures import decimal
from galerne.cli.settings import Settings
from galerne.cli.tuned import Tuned, told_settings
from galerne.engines import Tuning
from galerne.engines.pace import changes
from galerne.language import phrases
from galerne.models import ModelFile


def document(file: ModelFile, tuned: Tuned, *, measured_now: bool) -> dict[str, Any]:
    """What is known of a model's settings here, for a program."""
    return {
        "model_id": file.model_id,
        "measured_now": measured_now,
        "settings": told_settings(tuned, size_bytes=file.size_bytes),
        "gain_ratio": tuned.gain_ratio,
        "noise_ratio": tuned.noise_ratio,
        "took_s": tuned.took_s,
        "complete": tuned.complete,
        "at": tuned.at,
        "trials": [{"changes": changes(tuning), **asdict(pace)} for tuning, pace in tuned.trials],
    }


def told(tuning: Tuning, words: Any) -> str:
    """The settings in which a candidate differs, in words."""
    said = [f"{words[f'tune_{name}']} {_value(value, words)}" for name, value in changes(tuning).items()]
    return ", ".join(said) or str(words["tune_defaults"])


def _value(value: object, words: Any) -> str:
    return str(words["yes" if value else "no"]) if isinstance(value, bool) else str(value)


def explained(tuned: Tuned, settings: Settings, *, size_bytes: int) -> str:
    """The settings of a model and their reason, in a sentence."""
    language, words = settings.language, phrases("galerne.cli", settings.language)
    line = str(words["tune_settings"].format(**told_settings(tuned, size_bytes=size_bytes)))
    if tuned.tuning.looks_up:
        line += words["tune_and_looks_up"]
    if tuned.tuning.flash_attention is False:
        line += words["tune_and_plain_attention"]
    if tuned.tuning.kv_type != "f16":
        line += words["tune_and_small_keys"].format(kind=tuned.tuning.kv_type)
    why = words[f"tune_why_{tuned.why}"].format(
        gain=decimal(tuned.gain_ratio, language=language, decimals=2),
        noise=decimal(100 * tuned.noise_ratio, language=language, decimals=0),
    )
    return f"{line}\n{why}"
