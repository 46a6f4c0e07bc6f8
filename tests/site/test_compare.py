import functools
import json

import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.site import compare_sites, comparison_to_json, read_scenario
from galerne.site.worked import worked_cases
from tests.site.factories import ESSONNE, changed

FIVE = ("essonne", "nancy", "frankfurt", "stockholm", "tokyo")


@functools.cache
def compared(places=FIVE, objectives=("cost",), text=ESSONNE):
    return compare_sites(read_scenario(text), catalog=default_catalog(), places=places, objectives=objectives)


def by_id(comparison):
    return {place.place_id: place for place in comparison.places}


def test_places_stand_in_order():
    costs = [place.figures["output_eur"].value for place in compared().places]
    assert costs == sorted(costs)
    assert [place.rank for place in compared().places] == sorted(place.rank for place in compared().places)
    assert compared().places[0].rank == 1


def test_what_makes_a_difference_adds_up_to_it():
    for place in compared().places:
        assert sum(place.why.values()) == pytest.approx(place.beyond_first.value, abs=1e-12)


def test_neighbours_on_one_grid_are_equal():
    places = by_id(compared())
    assert places["essonne"].rank == places["nancy"].rank
    assert abs(places["essonne"].why["climate"] - places["nancy"].why["climate"]) < 1e-3


def test_a_clear_difference_is_not_called_equal():
    tokyo = by_id(compared())["tokyo"]
    assert tokyo.rank > 1
    assert not tokyo.equal_to_first
    assert 0 < tokyo.beyond_first.low < tokyo.beyond_first.value < tokyo.beyond_first.high


def test_pairing_leaves_out_what_places_share():
    tokyo = by_id(compared())["tokyo"]
    figure = tokyo.figures["output_eur"]
    assert tokyo.beyond_first.high - tokyo.beyond_first.low < 0.5 * (figure.high - figure.low)


def test_another_objective_gives_another_order():
    by_carbon = compared(objectives=("carbon", "cost"))
    assert by_carbon.places[0].place_id == "stockholm"
    front = {place.place_id for place in by_carbon.places if place.on_front}
    assert "stockholm" in front
    assert "tokyo" not in front


def test_a_candidate_knows_its_own_price():
    text = ESSONNE + "\n[[candidates]]\nplace = 'tokyo'\nelectricity_eur_per_kwh = 0.001\n"
    cheaper = by_id(compared(text=text))["tokyo"].figures["output_eur"].value
    assert cheaper < by_id(compared())["tokyo"].figures["output_eur"].value


def test_the_ranking_turns_where_an_input_says():
    comparison = compared(("stockholm", "essonne"))
    assert comparison.flips
    for flip in comparison.flips:
        assert flip.low <= flip.at <= flip.high
        assert flip.then != comparison.places[0].place_id


def test_a_place_without_a_price_is_left_out_and_said():
    text = ESSONNE + "\n[[candidates]]\nplace = 'santiago'\nzone = 'AR'\n"
    comparison = compared(("essonne", "santiago"), text=text)
    assert list(comparison.left_out) == ["santiago"]
    assert "no price" in comparison.left_out["santiago"]
    with pytest.raises(InvalidScenario, match="none can be computed"):
        compared(("santiago",), text=text)


@pytest.mark.parametrize(
    ("places", "objectives"), [(("atlantis",), ("cost",)), (("essonne",), ("happiness",))]
)
def test_what_is_not_known_is_refused(places, objectives):
    with pytest.raises(InvalidScenario):
        compared(places, objectives)


def test_every_place_of_the_catalogue_is_ranked_or_left_out():
    comparison = compared((), ("cost", "carbon", "water", "energy"), changed(n_samples="50"))
    found = {place.place_id for place in comparison.places} | set(comparison.left_out)
    assert found == set(default_catalog().places.rows)


def test_the_json_is_plain():
    wire = json.loads(json.dumps(comparison_to_json(compared()), allow_nan=False))
    assert [place["place_id"] for place in wire["places"]] == [p.place_id for p in compared().places]


def test_a_place_that_is_only_seemingly_cheaper_and_dirtier_is_off_the_front():
    scenario = read_scenario(worked_cases()["le-chat"].replace("n_samples = 400", "n_samples = 60"))
    found = compare_sites(
        scenario,
        catalog=default_catalog(),
        places=["essonne", "stockholm", "ashburn"],
        objectives=["cost", "carbon"],
    )
    places = {place.place_id: place for place in found.places}
    assert places["ashburn"].rank == places["stockholm"].rank
    assert not places["ashburn"].on_front
    assert places["stockholm"].on_front
