"""From an answer's energy to grams, litres and euros, with the factors that were frozen with it.

Everything electric is computed by ``galerne.energy``; the only formula here is that of manufacture.
"""

from __future__ import annotations

from dataclasses import dataclass

from galerne.energy import EnergySplit, electricity_eur, facility_j, grid_water_l, site_water_l, use_co2_g
from galerne.ledger.records import Factors, PriceFactors
from galerne.units import YEAR_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """How many tokens a price is asked for; ``cached_tokens`` are among ``prompt_tokens``."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0


NO_TOKENS = Tokens()


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    """What an amount of energy and machine time comes to.

    Attributes:
        facility_j: energy at the site's meter.
        use_co2_g: CO2e of the electricity.
        embodied_co2_g: the share of the machine's manufacture.
        site_water_l: evaporated by the site's cooling.
        grid_water_l: consumed by the power stations.
        cost_eur: of the electricity; None where no price is known.
        direct_co2_g: of the electricity by what burns; beside ``use_co2_g``, never added; may be None.
        market_co2_g: of the electricity by the user's contract, likewise.
        charged_eur: what counts against budgets: the operator's price, else the electricity's.
    """

    facility_j: float
    use_co2_g: float
    embodied_co2_g: float
    site_water_l: float
    grid_water_l: float
    cost_eur: float | None
    direct_co2_g: float | None = None
    market_co2_g: float | None = None
    charged_eur: float | None = None

    def __add__(self, other: Impact) -> Impact:
        """Both together; without a price where either has none."""
        return Impact(
            facility_j=self.facility_j + other.facility_j,
            use_co2_g=self.use_co2_g + other.use_co2_g,
            embodied_co2_g=self.embodied_co2_g + other.embodied_co2_g,
            site_water_l=self.site_water_l + other.site_water_l,
            grid_water_l=self.grid_water_l + other.grid_water_l,
            cost_eur=_both(self.cost_eur, other.cost_eur),
            direct_co2_g=_both(self.direct_co2_g, other.direct_co2_g),
            market_co2_g=_both(self.market_co2_g, other.market_co2_g),
            charged_eur=_both(self.charged_eur, other.charged_eur),
        )


def _both(one: float | None, other: float | None) -> float | None:
    """The sum; unknown where either is."""
    return None if one is None or other is None else one + other


NO_IMPACT = Impact(
    facility_j=0.0,
    use_co2_g=0.0,
    embodied_co2_g=0.0,
    site_water_l=0.0,
    grid_water_l=0.0,
    cost_eur=0.0,
    direct_co2_g=0.0,
    market_co2_g=0.0,
    charged_eur=0.0,
)


def embodied_co2_g(device_s: float, *, embodied_g: float, life_years: float) -> float:
    """The share of a machine's manufacture that some of its time carries, as ISO/IEC 21031 (SCI) has it.

        embodied = M · t / (life · 8760 h)

    Args:
        device_s: machine time attributed.
        embodied_g: manufacture of the whole machine.
        life_years: over which it is spread.
    """
    return embodied_g * device_s / (life_years * YEAR_S)


def price_eur(
    price: PriceFactors, tokens: Tokens, *, device_s: float, electricity_eur: float | None
) -> float | None:
    """What the operator asks for some tokens, some machine time and some electricity.

    None where it rests on electricity whose price is not known.
    """
    if price.kind == "fixed":
        return (
            (tokens.prompt_tokens - tokens.cached_tokens) * price.input_eur_per_token
            + tokens.cached_tokens * price.cached_eur_per_token
            + tokens.new_tokens * price.output_eur_per_token
        )
    if electricity_eur is None:
        return None
    return (electricity_eur + device_s * price.hardware_eur_per_s) * (1.0 + price.margin_ratio)


def impact_of(
    energy: EnergySplit, *, device_s: float, factors: Factors, tokens: Tokens = NO_TOKENS
) -> Impact:
    """Grams, litres and euros of an amount of IT energy, of machine time and of tokens."""
    place, grid = factors.facility, factors.grid
    cost_eur = (
        None
        if grid.eur_per_kwh is None
        else float(electricity_eur(energy, place, eur_per_kwh=grid.eur_per_kwh))
    )
    charged_eur = cost_eur
    if factors.price is not None:
        charged_eur = price_eur(factors.price, tokens, device_s=device_s, electricity_eur=cost_eur)

    def beside_co2_g(g_per_kwh: float | None) -> float | None:
        return None if g_per_kwh is None else float(use_co2_g(energy, place, g_per_kwh=g_per_kwh))

    return Impact(
        facility_j=float(facility_j(energy, place)),
        use_co2_g=float(use_co2_g(energy, place, g_per_kwh=grid.g_per_kwh)),
        embodied_co2_g=embodied_co2_g(
            device_s, embodied_g=factors.machine.embodied_g, life_years=factors.machine.life_years
        ),
        site_water_l=float(site_water_l(energy, place)),
        grid_water_l=float(grid_water_l(energy, place, l_per_kwh=grid.l_per_kwh)),
        cost_eur=cost_eur,
        charged_eur=charged_eur,
        direct_co2_g=beside_co2_g(grid.direct_g_per_kwh),
        market_co2_g=beside_co2_g(grid.market_g_per_kwh),
    )
