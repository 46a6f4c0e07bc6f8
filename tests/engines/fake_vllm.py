"""Not vLLM: a program with its command line that serves a small model by llama.cpp, to test the process."""

from __future__ import annotations

import os
import runpy
import sys
import threading
from pathlib import Path

LLAMA_CHILD = Path(__file__).parents[2] / "src" / "galerne" / "engines" / "llama_child.py"


def main() -> None:
    words = sys.argv[1:]
    assert words[0] == "serve"
    flags = dict(zip(words[2::2], words[3::2], strict=True))
    if flags.get("--fail"):
        sys.exit("out of memory: this is what a GPU would say")
    serve = runpy.run_path(str(LLAMA_CHILD))["_serve"]  # without the second that our package takes
    report, server = serve(
        {
            "model_path": words[1],
            "context_tokens": int(flags["--max-model-len"]),
            "n_slots": int(flags["--max-num-seqs"]),
            "n_threads": 1,
            "warm_up": False,
            "batch_tokens": 512,
            "embeds": False,
            "prompt_cache_bytes": 0,
            "api_key": os.environ["VLLM_API_KEY"],
            "port": int(flags["--port"]),
        }
    )
    assert server is not None, report
    threading.Event().wait()


if __name__ == "__main__":
    main()
