"""A scenario from what this installation served: the shape of its requests, of its days and of its weeks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import resources

import numpy as np

from galerne.errors import InvalidScenario
from galerne.language import Language, phrases
from galerne.site.scenario.history import History

_DAYS_PER_WEEK = 7
_SATURDAY = 5
_LEAST_ANSWERS = 10  # fewer make no shape
_ENOUGH_DAYS = 28
_ENOUGH_ANSWERS = 240  # ten for each hour of the day


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadProfile:
    """What was asked, on the mean.

    Attributes:
        answers_per_day: mean; with its 5th and 95th percentile over the days.
        day_shape: share of the answers in each hour of the day, local standard time.
        weekend_ratio: answers of a weekend day over those of a working day; 1 where one kind was not seen.
    """

    n_answers: int
    n_days: int
    prompt_tokens: float
    cached_ratio: float
    output_tokens: float
    answers_per_day: tuple[float, float, float]
    day_shape: tuple[float, ...]
    weekend_ratio: float


def load_profile(history: History, *, standard_offset_s: float = 0.0) -> LoadProfile:
    """The profile of a history.

    Args:
        history: answers given.
        standard_offset_s: local standard time ahead of UTC.

    Raises:
        InvalidScenario: there are too few answers to tell a shape.
    """
    answers = history.answers
    if len(answers) < _LEAST_ANSWERS:
        problem = f"holds {len(answers)} answers; a load profile needs at least {_LEAST_ANSWERS}"
        raise InvalidScenario(path="ledger", problem=problem)
    zone = timezone(timedelta(seconds=standard_offset_s))
    moments = [datetime.fromtimestamp(answer.at, tz=zone) for answer in answers]
    by_day = Counter(moment.date() for moment in moments)
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    counts = np.array([by_day[day] for day in days], dtype=np.float64)
    low, high = np.quantile(counts, (0.05, 0.95))
    hours = Counter(moment.hour for moment in moments)
    prompt = sum(answer.prompt_tokens for answer in answers)
    mean = float(counts.mean())
    return LoadProfile(
        n_answers=len(answers),
        n_days=len(days),
        prompt_tokens=max(1.0, prompt / len(answers)),
        cached_ratio=min(0.99, sum(answer.cached_tokens for answer in answers) / max(1, prompt)),
        output_tokens=max(1.0, sum(answer.new_tokens for answer in answers) / len(answers)),
        answers_per_day=(mean, min(float(low), mean), max(float(high), mean)),
        day_shape=tuple(hours[hour] / len(answers) for hour in range(24)),
        weekend_ratio=_weekend_ratio([day.weekday() >= _SATURDAY for day in days], counts),
    )


def thin_parts(profile: LoadProfile) -> tuple[str, ...]:
    """What a profile says on thin evidence: ``days`` of its mean and range, its ``week``, its ``hours``."""
    thin = {
        "days": profile.n_days < _ENOUGH_DAYS,
        "week": profile.n_days < _DAYS_PER_WEEK,
        "hours": profile.n_answers < _ENOUGH_ANSWERS,
    }
    return tuple(name for name, is_thin in thin.items() if is_thin)


def word_thin(profile: LoadProfile, *, language: Language) -> tuple[str, ...]:
    """The same as sentences."""
    say = phrases("galerne.site", language)
    facts = {"n_days": profile.n_days, "n_answers": profile.n_answers, "enough": _ENOUGH_DAYS}
    return tuple(say[f"thin_{name}"].format(**facts) for name in thin_parts(profile))


def _weekend_ratio(weekend: list[bool], counts: np.ndarray) -> float:
    is_weekend = np.array(weekend)
    if is_weekend.all() or not is_weekend.any() or len(weekend) < _DAYS_PER_WEEK:
        return 1.0
    working = float(counts[~is_weekend].mean())
    return min(5.0, float(counts[is_weekend].mean()) / working) if working else 1.0


def profile_scenario(
    profile: LoadProfile,
    *,
    place: str,
    zone: str,
    system: str,
    model: str,
    weight_format: str,
    n_users: float = 1.0,
) -> str:
    """A scenario file, as text, that serves so many times what was served.

    Args:
        profile: what was asked.
        place: id of the place.
        zone: id of its grid zone.
        system: id of what is bought.
        model: id of what runs.
        weight_format: id of its format.
        n_users: how many times this installation's load; 1 for its own.
    """
    mean, low, high = profile.answers_per_day
    template = resources.files("galerne.site").joinpath("from_ledger.toml").read_text(encoding="utf-8")
    shape = [f"{share:.4f}" for share in profile.day_shape]
    return template.format(
        n_answers=profile.n_answers,
        n_days=profile.n_days,
        thin="".join(f"# Thin: {text}\n" for text in word_thin(profile, language=Language.ENGLISH)),
        place=place,
        zone=zone,
        system=system,
        model=model,
        weight_format=weight_format,
        prompt_tokens=f"{profile.prompt_tokens:.1f}",
        cached_ratio=f"{profile.cached_ratio:.3f}",
        output_tokens=f"{profile.output_tokens:.1f}",
        weekend_ratio=f"{profile.weekend_ratio:.3f}",
        morning=", ".join(shape[:12]),
        evening=", ".join(shape[12:]),
        n_users=f"{n_users:g}",
        answers=f"{mean:.4g}",
        low=f"{min(low, mean):.4g}",
        high=f"{max(high, mean):.4g}",
    )
