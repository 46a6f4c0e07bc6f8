"""A real MCP server over its standard streams, for tests."""

from mcp.server import MCPServer

server = MCPServer("example")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@server.tool()
def fail() -> str:
    """Fail, always."""
    raise ValueError("it cannot")


@server.tool()
def leave() -> str:
    """End the whole server."""
    raise SystemExit(3)


if __name__ == "__main__":
    server.run()
