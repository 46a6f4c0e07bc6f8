import sys
from pathlib import Path

import pytest

from galerne.chat.tools.configuration import read_tool_file
from galerne.chat.tools.mcp_servers import McpServer, McpSettings
from galerne.chat.tools.toolbox import Toolbox, run_tool
from galerne.errors import InvalidToolFile, ToolFailed

EXAMPLE = (sys.executable, str(Path(__file__).with_name("mcp_example.py")))


@pytest.mark.anyio
async def test_a_real_server_offers_its_tools_runs_them_and_ends():
    server = McpServer(McpSettings(name="sums", command=EXAMPLE))
    async with Toolbox((), [server]) as toolbox:
        tools = {tool.name: tool for tool in await toolbox.tools()}
        assert set(tools) == {"sums__add", "sums__fail", "sums__leave"}
        assert all(tool.asks and tool.origin == "sums" for tool in tools.values())
        assert await run_tool(tools["sums__add"], '{"a": 2, "b": 40}') == "42"
        with pytest.raises(ToolFailed, match="fail"):
            await run_tool(tools["sums__fail"], "{}")
        with pytest.raises(ToolFailed):
            await run_tool(tools["sums__add"], '{"a": "two"}')
        assert [tool.name for tool in await toolbox.chosen(["sums__add"])] == ["sums__add"]
        assert await toolbox.chosen(None) == ()


@pytest.mark.anyio
async def test_a_server_that_does_not_start_is_said_and_costs_nobody_an_answer():
    server = McpServer(McpSettings(name="gone", command=("/nonexistent/program",)))
    async with Toolbox((), [server]) as toolbox:
        assert await toolbox.tools() == ()
        assert "nonexistent" in toolbox.problems()["gone"]


def test_the_file_names_servers(tmp_path):
    path = tmp_path / "tools.toml"
    assert read_tool_file(path) == ()
    path.write_text(
        '[server.notes]\ncommand = ["notes-server", "--stdio"]\nenvironment = { A = "b" }\n'
        '[server.search]\nurl = "http://127.0.0.1:9000/mcp"\ntrusted = true\n'
    )
    notes, search = read_tool_file(path)
    assert notes == McpSettings(name="notes", command=("notes-server", "--stdio"), environment={"A": "b"})
    assert search == McpSettings(name="search", url="http://127.0.0.1:9000/mcp", trusted=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[server.a]", "either command"),
        ('[server.a]\ncommand = ["x"]\nurl = "http://x"', "either command"),
        ('[server.a]\ncommand = "x"', "either command"),
        ('[server.A]\nurl = "http://x"', "lower-case"),
        ('[server.a]\nurl = "http://x"\ntrust = true', "unknown key trust"),
        ('[server.a]\nurl = "http://x"\ntrusted = 1', "true or false"),
        ('[server.a]\nurl = "http://x"\nenvironment = { A = 1 }', "table of texts"),
        ("[servers.a]", "unknown section"),
        ("server = 3", "table of its own"),
        ("server.a = 3", "not a table"),
        ("[server", "end of a table"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, problem):
    path = tmp_path / "tools.toml"
    path.write_text(text)
    with pytest.raises(InvalidToolFile, match=problem):
        read_tool_file(path)
