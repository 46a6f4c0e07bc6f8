"""Settings that cannot be."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class SettingError(GalerneError):
    """The settings cannot be."""


@failure
class InvalidSetting(SettingError):
    """An environment variable says what cannot be."""

    advice = "docs/reference/settings.md lists every variable and what it may say."
    sentence = "{name}: {problem}"
    name: str
    problem: str
