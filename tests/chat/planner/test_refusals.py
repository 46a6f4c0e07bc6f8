import pytest

from galerne.catalog import default_catalog
from galerne.chat.planner.refusals import word_refusal
from galerne.errors import GalerneError, Infeasible
from galerne.language import Language, phrases
from galerne.site import plan_site, read_scenario
from galerne.site.scenario.edits import edit_scenario, read_changes
from galerne.site.worked import worked_cases

SAY = {language: phrases("galerne.chat.planner", language) for language in Language}
PEOPLE = ("workload.load_ratio=", "load.n_users=1e9", "load.answers_per_user=100")
_PLAIN = str.maketrans("\u202f\u00a0", "  ")


def refused(*changes, case="essonne") -> str:
    """What the planner really says to such changes."""
    text = edit_scenario(worked_cases()[case], read_changes(changes))
    try:
        plan_site(read_scenario(text), catalog=default_catalog())
    except GalerneError as error:
        return f"{error} {error.advice}"
    return ""


def french(message: str) -> str:
    return word_refusal(message, SAY[Language.FRENCH], Language.FRENCH).translate(_PLAIN)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("site.contracted_w=20000",), "Le raccordement ne porte pas un seul système"),
        (PEOPLE, "Le raccordement ne porte pas"),
        (("objective.token_interval_s=0.0002",), "Aucun découpage n’écrit assez vite"),
        (("objective.first_token_s=0.001",), "Aucun découpage ne répond assez tôt"),
        (
            ("objective.percentile_ratio=0.95", "objective.first_token_s=0.001"),
            "L’objectif s’entend au 95ᵉ centile.",
        ),
        (("compute.system=dgx-h100", "compute.weight_format=bf16"), "Le modèle ne tient pas dans un système"),
        (("workload.cached_ratio=2",), "dont déjà en cache : 200 % n’est pas entre 0 % et 99 %."),
        (("objective.token_interval_s=11",), "n’est pas entre 0,1 jetons/s et 10 000 jetons/s."),
        (("site.contracted_w=x",), "Raccordement : il faut un nombre ici, et non 'x'"),
        (("compute.n_systems=1.5",), "il faut un nombre ici"),
        (
            ("workload.peak_ratio=2", "workload.load_ratio=0.9"),
            "l’heure de pointe porterait 1,8 fois la pleine charge",
        ),
        (
            ("site.zone=EG", "money.electricity_eur_per_kwh="),
            "aucun prix n’est connu pour le réseau EG",
        ),
        (("workload.prompt_tokens=900000",), "font 900 400 jetons, plus que les"),
    ],
)
def test_a_refusal_is_said_in_french(changes, said):
    assert said in french(refused(*changes))


def test_powers_are_read_in_their_own_prefix():
    failure = Infeasible(
        binding_constraint="contracted power of 12 systems", needed=3.1e6, available=2e4, unit="W"
    )
    english = word_refusal(str(failure), SAY[Language.ENGLISH], Language.ENGLISH).translate(_PLAIN)
    assert "12 systems: they need 3.10 MW" in english
    assert "20.0 kW" in english


def test_what_is_not_known_is_left_to_the_caller():
    assert french("something else: altogether") == ""
