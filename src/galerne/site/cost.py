"""Money and grams over the life of a site, shared between reading and writing by the time each takes."""

from __future__ import annotations

from dataclasses import dataclass

from galerne.units import Numeric

MILLION = 1e6


def capital_recovery_ratio(*, discount_ratio: Numeric, life_years: Numeric) -> Numeric:
    """Share of an investment to pay back each year of its life, interest included.

        CRF = r · (1 + r)^n / ((1 + r)^n − 1)

    Valid for: a discount rate above zero.
    """
    growth = (1.0 + discount_ratio) ** life_years
    return discount_ratio * growth / (growth - 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Investment:
    """What is bought, in euros; numbers, or arrays of samples."""

    systems_eur: Numeric
    network_eur: Numeric
    facility_eur: Numeric

    @property
    def total_eur(self) -> Numeric:
        """All of it."""
        return self.systems_eur + self.network_eur + self.facility_eur


@dataclass(frozen=True, kw_only=True, slots=True)
class YearlyCost:
    """What a year costs, in euros: capital recovered over its life, running costs, electricity.

    Attributes:
        interest_eur: the part of the three capital shares that pays for the money.
    """

    systems_eur: Numeric
    network_eur: Numeric
    facility_eur: Numeric
    running_eur: Numeric
    energy_eur: Numeric
    interest_eur: Numeric

    @property
    def capital_eur(self) -> Numeric:
        """Systems, network and building, interest included."""
        return self.systems_eur + self.network_eur + self.facility_eur

    @property
    def total_eur(self) -> Numeric:
        """All of it."""
        return self.capital_eur + self.running_eur + self.energy_eur


def yearly_cost(
    investment: Investment,
    *,
    discount_ratio: Numeric,
    it_life_years: Numeric,
    facility_life_years: Numeric,
    running_eur: Numeric,
    energy_eur: Numeric,
) -> YearlyCost:
    """A year's share of the investment and the year's own costs."""
    it_ratio = capital_recovery_ratio(discount_ratio=discount_ratio, life_years=it_life_years)
    facility_ratio = capital_recovery_ratio(discount_ratio=discount_ratio, life_years=facility_life_years)
    interest_eur = (investment.systems_eur + investment.network_eur) * (it_ratio - 1.0 / it_life_years)
    interest_eur = interest_eur + investment.facility_eur * (facility_ratio - 1.0 / facility_life_years)
    return YearlyCost(
        interest_eur=interest_eur,
        systems_eur=investment.systems_eur * it_ratio,
        network_eur=investment.network_eur * it_ratio,
        facility_eur=investment.facility_eur * facility_ratio,
        running_eur=running_eur,
        energy_eur=energy_eur,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenShare:
    """How a year's total falls on its tokens: by the time that prompts and answers take.

    Attributes:
        prefill_ratio: share of the time spent on prompts.
        input_tokens: prompt tokens of the year that were not in a cache.
        output_tokens: generated tokens of the year.
        cached_ratio: share of the time that prompts take for what they find in a cache.
        cached_tokens: prompt tokens of the year found in a cache.
    """

    prefill_ratio: Numeric
    input_tokens: Numeric
    output_tokens: Numeric
    cached_ratio: Numeric = 0.0
    cached_tokens: Numeric = 0.0

    def per_million_input(self, total: Numeric) -> Numeric:
        """A yearly total, per million fresh input tokens."""
        return total * (self.prefill_ratio - self.cached_ratio) / self.input_tokens * MILLION

    def per_million_cached(self, total: Numeric) -> Numeric:
        """A yearly total, per million input tokens found in a cache."""
        return total * self.cached_ratio / self.cached_tokens * MILLION

    def per_million_output(self, total: Numeric) -> Numeric:
        """A yearly total, per million output tokens."""
        return total * (1.0 - self.prefill_ratio) / self.output_tokens * MILLION
