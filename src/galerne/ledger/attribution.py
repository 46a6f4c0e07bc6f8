"""Shares a window's measured energy over the answers in flight, in whole microjoules.

A decode step of n sequences costs a + b n, so a sequence's fair (Shapley) share of it is a / n + b; reading
a prompt costs c per token that was not cached. These weights are only ratios: they are normalised to what
the meter counted, so that an error in the constants cancels and the sum is exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from galerne.perf import StepWeights

_SCALE = 1 << 48
"""Weights become whole numbers out of this before sharing: integer arithmetic does not round."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowShares:
    """Where a window's energy went.

    Attributes:
        active_uj: energy above idle, by answer.
        idle_uj: idle energy, by answer.
        vacant_idle_uj: idle energy of the time when nobody was there.
        unattributed_uj: energy above idle while nobody was there.
    """

    active_uj: Mapping[str, int]
    idle_uj: Mapping[str, int]
    vacant_idle_uj: int
    unattributed_uj: int

    def __add__(self, other: WindowShares) -> WindowShares:
        """The shares of two parts of one window, by the same answers."""
        return WindowShares(
            active_uj=_together(self.active_uj, other.active_uj),
            idle_uj=_together(self.idle_uj, other.idle_uj),
            vacant_idle_uj=self.vacant_idle_uj + other.vacant_idle_uj,
            unattributed_uj=self.unattributed_uj + other.unattributed_uj,
        )


def _together(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def decode_weight_j(weights: StepWeights, *, n_sequences: int, context_tokens: float) -> float:
    """One sequence's share of one decode step: the Shapley value of the affine step.

        w = a / n + b + k · context

    Args:
        weights: a, b and k of the model on this machine.
        n_sequences: sequences that step together, this one included.
        context_tokens: tokens already in this sequence.
    """
    return (
        weights.fixed_j / n_sequences + weights.per_sequence_j + weights.per_context_token_j * context_tokens
    )


def prompt_weight_j(weights: StepWeights, *, prompt_tokens: int, cached_tokens: int) -> float:
    """The weight of reading a prompt: cached tokens are free.

    w = c · (prompt - cached)
    """
    return weights.per_prompt_token_j * max(0, prompt_tokens - cached_tokens)


def apportion(total_uj: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Divide whole microjoules in proportion to weights, exactly: the largest remainders round up.

    Ties go by id, so that the order of arrival changes nothing.

    Args:
        total_uj: what to divide, zero or more.
        weights: zero or more each.

    Returns:
        Shares that add up to ``total_uj``; all zero where every weight is zero.
    """
    if any(weight < 0 or not math.isfinite(weight) for weight in weights.values()) or total_uj < 0:
        raise ValueError("energy is divided among weights of zero or more")
    largest = max(weights.values(), default=0.0)
    if largest == 0.0:
        return dict.fromkeys(weights, 0)
    parts = {name: round(weight / largest * _SCALE) for name, weight in weights.items()}
    whole = sum(parts.values())
    shares = {name: total_uj * part // whole for name, part in parts.items()}
    left_uj = total_uj - sum(shares.values())
    by_remainder = sorted(parts, key=lambda name: (-(total_uj * parts[name] % whole), name))
    for name in by_remainder[:left_uj]:
        shares[name] += 1
    return shares


def attribute_window(
    active_uj: int,
    idle_uj: int,
    weights: Mapping[str, float],
    presence_s: Mapping[str, float],
    *,
    duration_s: float,
) -> WindowShares:
    """Share one window.

    Energy above idle goes by weight. Where no weight is known although answers are there (a step longer
    than the window), it goes by presence; where nobody is there, it is unattributed. Idle energy goes by
    presence, and to nobody for the time when nobody was there.

    Args:
        active_uj: energy above idle.
        idle_uj: idle energy.
        weights: by answer; those of the steps it took part in.
        presence_s: by answer; an instant with n answers counts 1/n for each, so that these add up to the
            time when somebody was there, and cutting a window in two changes nothing.
        duration_s: of the window.
    """
    nobody = ""  # no request has an empty id
    vacant_s = max(0.0, duration_s - sum(presence_s.values()))
    idle = apportion(idle_uj, {**presence_s, nobody: vacant_s})
    unshared_idle_uj = idle_uj - sum(idle.values())  # a window without duration
    active = apportion(active_uj, weights)
    if not any(active.values()):
        active = apportion(active_uj, presence_s)
    return WindowShares(
        active_uj=active,
        idle_uj={name: share for name, share in idle.items() if name != nobody},
        vacant_idle_uj=idle[nobody] + unshared_idle_uj,
        unattributed_uj=active_uj - sum(active.values()),
    )
