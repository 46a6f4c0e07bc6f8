"""``galerne serve`` as it is, but for its engine: the one at the address given. See ``bench_gateway``.

python -m benchmarks.mocked_daemon UPSTREAM
"""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

from galerne.cli import main as galerne
from galerne.cli import shelf
from galerne.engines import LlamaSettings, RemoteEngine, RemoteSettings

N_SLOTS = 256


def main() -> None:
    """Serve; the node is the built-in model's, its engine is not."""
    upstream = sys.argv[1]

    def mocked(settings: LlamaSettings, **_: Any) -> RemoteEngine:
        return RemoteEngine(
            RemoteSettings(
                model_id=settings.model_id, address=upstream, n_slots=N_SLOTS, served_name="mock-model"
            )
        )

    sys.argv = ["galerne", "serve", "--port", "0"]
    with patch.object(shelf, "LlamaEngine", mocked):
        galerne()


if __name__ == "__main__":
    main()
