from galerne.site.shown.watch import watch_plan
from tests.site.factories import changed, plan_of


def test_an_objective_that_the_range_misses_is_named_with_its_end():
    watched = {watch.figure: watch for watch in watch_plan(plan_of())}
    interval = watched["token_interval_s"]
    assert interval.value <= interval.limit < interval.end == plan_of().figures["token_interval_s"].high


def test_cooling_too_weak_for_its_climate_is_named():
    text = changed(cooling_plant='"direct-to-chip-dry"', place='"dallas"', zone='"US"')
    unmet = plan_of(text).figures["unmet_heat_ratio"].high
    assert (unmet > 0.001) == ("unmet_heat_ratio" in {watch.figure for watch in watch_plan(plan_of(text))})
