import math

import pytest

from galerne.chat.house.charts import HEIGHT, WIDTH, bar_chart, whole_bar
from galerne.language import Language, phrases


def test_the_largest_bar_reaches_the_top_and_a_small_one_is_still_seen():
    chart = bar_chart([("a", 100.0, "100 J"), ("b", 0.001, "1 mJ"), ("c", 0.0, "0 J")], top="100 J")
    assert [bar.text for bar in chart.bars] == ["a: 100 J", "b: 1 mJ"]
    assert (chart.bars[0].y, chart.bars[0].height) == (0.0, HEIGHT)
    assert chart.bars[1].height >= 1
    assert (chart.first, chart.last) == ("a", "c")


@pytest.mark.parametrize("values", [[], [0.0], [math.nan, -1.0]])
def test_nothing_to_show_draws_nothing(values):
    assert bar_chart([("day", value, "") for value in values], top="0").bars == ()


def test_the_parts_of_a_whole_fill_it():
    parts = whole_bar(
        [("idle", 3.0, "idle", "3 J"), ("none", 0.0, "", ""), ("answers", 1.0, "answers", "1 J")]
    )
    assert [part.key for part in parts] == ["idle", "answers"]
    assert parts[1].x == parts[0].width == 0.75 * WIDTH
    assert sum(part.width for part in parts) == WIDTH


def test_both_languages_say_the_same():
    english, french = (phrases("galerne.chat.house", language) for language in Language)
    assert set(english) == set(french)
