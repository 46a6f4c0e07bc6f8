import numpy as np
import pytest

from galerne.errors import Infeasible, InvalidScenario
from galerne.site.scenario.records import Workload, load_shape
from tests.site.factories import ESSONNE, plan_of


def asked(n_users=1e6, extra="", contracted=False):
    """The scenario sized by who asks instead of by its connection."""
    dropped = ("load_ratio",) if contracted else ("load_ratio", "contracted_w")
    lines = [line for line in ESSONNE.splitlines() if not line.startswith(dropped)]
    return "\n".join(lines) + f"\n[load]\nn_users = {n_users}\nanswers_per_user = 8\n{extra}\n"


def figure(plan, name):
    return plan.figures[name].value


def test_everybody_is_served():
    plan = plan_of(asked(1e7))
    assert figure(plan, "yearly_output_tokens") == pytest.approx(1e7 * 8 * 400 * 365)
    assert figure(plan, "load_ratio") * 1.6 <= 0.85


def test_more_people_never_take_fewer_systems():
    systems = [figure(plan_of(asked(n)), "n_systems") for n in (1e4, 1e6, 1e8, 5e8)]
    assert systems == sorted(systems)
    assert systems[0] >= 2  # one, and one to spare
    assert systems[-1] > systems[0]


def test_growth_is_carried_to_its_last_year():
    plan = plan_of(asked(1e8, "growth_ratio = 1.0\nhorizon_years = 3"))
    assert [year.n_users for year in plan.growth] == [1e8, 2e8, 4e8, 8e8]
    assert plan.growth[-1].n_systems == figure(plan, "n_systems")
    assert plan.growth[0].n_systems < plan.growth[-1].n_systems


def test_a_connection_too_small_says_by_how_much():
    with pytest.raises(Infeasible) as caught:
        plan_of(asked(1e10, contracted=True))
    assert caught.value.binding_constraint.startswith("contracted power of")
    assert caught.value.needed > caught.value.available == 44e6


def test_the_connection_follows_from_the_systems():
    plan = plan_of(asked(1e7))
    assert figure(plan, "contracted_w") * 0.9 == pytest.approx(figure(plan, "peak_facility_w"))


def test_a_load_makes_the_mean_a_result():
    with pytest.raises(InvalidScenario) as caught:
        plan_of(ESSONNE + "\n[load]\nn_users = 10\nanswers_per_user = 1\n")
    assert caught.value.path == "workload.load_ratio"


def test_something_must_set_the_size():
    text = "\n".join(line for line in ESSONNE.splitlines() if not line.startswith("contracted_w"))
    with pytest.raises(InvalidScenario) as caught:
        plan_of(text)
    assert caught.value.path == "site.contracted_w"


def shape(**changes):
    base = {"prompt_tokens": 1.0, "cached_ratio": 0.0, "output_tokens": 1.0}
    return load_shape(Workload(**base, **changes))


def test_a_shape_has_a_mean_of_one():
    for workload in (
        shape(peak_ratio=1.7),
        shape(weekend_ratio=0.3),
        shape(day_shape=tuple(float(n) for n in range(24)), weekend_ratio=2.0),
    ):
        assert (5 * workload[0].mean() + 2 * workload[1].mean()) / 7 == pytest.approx(1.0)


def test_a_day_of_ones_own():
    day = tuple(1.0 if n == 9 else 0.0 for n in range(24))
    assert np.argmax(shape(day_shape=day)[0]) == 9
    assert shape(weekend_ratio=0.5)[1].mean() == pytest.approx(shape(weekend_ratio=0.5)[0].mean() / 2)


def test_quiet_weekends_reach_the_plan():
    lines = ESSONNE.replace("peak_ratio = 1.6", "weekend_ratio = 0.5\npeak_ratio = 1.4")
    quiet = plan_of(lines)
    calendar = quiet.hours.calendar
    assert calendar.weekend.any()
    it_w = np.broadcast_to(quiet.hours.it_w, calendar.weekend.shape)
    assert it_w[calendar.weekend].mean() < it_w[~calendar.weekend].mean()


def test_parts_of_a_price_add_up():
    parts = '["fr-energy-nuclear-contract", "fr-turpe-htb2", "fr-accise-data-centre"]'
    lines = [line for line in ESSONNE.splitlines() if not line.startswith("electricity_eur")]
    text = "\n".join(lines).replace("[sampling]", f"electricity_parts = {parts}\n[sampling]")
    plan = plan_of(text)
    assert figure(plan, "electricity_eur_per_kwh") == pytest.approx(0.070 + 0.0075 + 0.010)
    assert "fr-accise" in plan.figures["yearly_energy_eur"].sources


def test_heat_given_away_shows():
    plan = plan_of(ESSONNE + "\n[heat]\ncontracted_w = 5e6\nmonths = [1, 2, 3, 10, 11, 12]\n")
    assert 0.05 < figure(plan, "erf_ratio") < 0.2
    assert figure(plan, "reused_j") == pytest.approx(5e6 * (31 + 28 + 31 + 31 + 30 + 31) * 86400)
