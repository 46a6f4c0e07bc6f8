"""``galerne serve`` as it is, but for its engine: the one at the address given. See ``bench_gateway``.

python -m benchmarks.mocked_daemon UPSTREAM
"""

from __future__ import annotations

import sys
from typing import Any

from galerne.cli import house
from galerne.cli.app import app
from galerne.engines import RemoteEngine, RemoteSettings

N_SLOTS = 256


def main() -> None:
    """Serve; the node is the built-in model's, its engine is not."""
    upstream, real = sys.argv[1], house.local_node

    def mocked_node(*arguments: Any, **named: Any) -> Any:
        powered = real(*arguments, **named)
        settings = RemoteSettings(model_id=powered.node.model_id, address=upstream, n_slots=N_SLOTS)
        powered.node.engine = RemoteEngine(settings)
        return powered

    house.local_node = mocked_node  # type: ignore[assignment]
    app(["serve", "--port", "0"])


if __name__ == "__main__":
    main()
