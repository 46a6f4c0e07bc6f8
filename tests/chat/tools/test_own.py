import json

import pytest

from galerne.chat.client.api import ApiClient
from galerne.chat.tools.own import own_tools
from galerne.chat.tools.toolbox import LONGEST_RESULT, run_tool
from galerne.clock import ManualClock
from galerne.errors import ToolFailed


@pytest.fixture
async def tools(api_url):
    async with ApiClient(api_url) as client:
        yield {tool.name: tool for tool in own_tools(client, clock=ManualClock())}


@pytest.mark.anyio
async def test_each_says_what_it_is_for_and_none_asks(tools):
    assert set(tools) == {
        "calculator",
        "clock",
        "what_fits_here",
        "my_usage",
        "plan_a_site",
        "search_documents",
    }
    assert not any(tool.asks for tool in tools.values())
    for tool in tools.values():
        assert tool.spec["function"]["description"]


@pytest.mark.anyio
async def test_it_computes_and_tells_the_time(tools):
    assert await run_tool(tools["calculator"], '{"expression": "6 * 7"}') == "42"
    assert "Europe/Paris" in await run_tool(tools["clock"], '{"time_zone": "Europe/Paris"}')


@pytest.mark.anyio
async def test_it_knows_this_machine_and_its_bill(tools):
    fits = json.loads(await run_tool(tools["what_fits_here"], "{}"))
    assert {row["model_id"] for row in fits["models"]} == {"ministral-3-3b", "ministral-3-8b"}
    usage = json.loads(await run_tool(tools["my_usage"], '{"group_by": "model"}'))
    assert usage["rows"][0]["n_answers"] == 2


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("calculator", "not json", "not JSON"),
        ("calculator", "{}", "required"),
        ("calculator", '{"expression": 3}', "not of type"),
        ("calculator", '{"expression": "1/0"}', "division by zero"),
        ("calculator", '{"expression": "1", "more": 1}', "Additional properties"),
        ("calculator", "[" * 100_000, "not JSON"),
        ("clock", '{"time_zone": "../../etc/passwd"}', "no such time zone"),
        ("my_usage", '{"group_by": "prompt"}', "not one of"),
        ("plan_a_site", '{"place": "lyon"}', "required"),
    ],
)
@pytest.mark.anyio
async def test_wrong_arguments_are_said_to_the_model(tools, name, arguments, problem):
    with pytest.raises(ToolFailed, match=problem):
        await run_tool(tools[name], arguments)


@pytest.mark.anyio
async def test_a_place_cannot_smuggle_lines_into_the_scenario(tools):
    place = 'lyon"\nzone = "XX'
    arguments = {"place": place, "zone": "FR", "system": "dgx-h200", "model": "m", "n_systems": 1}
    with pytest.raises(ToolFailed, match="refused"):
        await run_tool(tools["plan_a_site"], json.dumps(arguments))


def test_results_have_a_longest_length():
    assert LONGEST_RESULT < 100_000
