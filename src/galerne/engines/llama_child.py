"""The child process that holds llama.cpp's server. Started by path, not imported: it needs no other module.

It reads its settings as one JSON line on standard input, answers with one JSON line on standard output, and
ends when standard input closes: it cannot outlive its parent, even one killed by ``kill -9``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any, BinaryIO

LOOK_UP, GUESS = 6, 8
"""Tokens that must have occurred before in this order, and how many of those that followed are guessed."""


def main() -> None:
    """Serve until the parent goes."""
    settings = json.loads(sys.stdin.buffer.readline())
    # Whatever the library prints goes to the error stream: standard output carries one line of ours.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_leave_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    report, server = _serve(settings)
    answer.write(json.dumps(report) + "\n")
    answer.close()
    if server is not None:
        threading.Event().wait()


def _leave_with_parent(standard_input: BinaryIO) -> None:
    while standard_input.read(4096):
        pass
    os._exit(0)


def _serve(settings: dict[str, Any]) -> tuple[dict[str, Any], object | None]:
    try:
        import xllamacpp  # noqa: PLC0415  # its absence is an answer
    except ImportError as error:
        return {"state": "missing", "problem": str(error)}, None
    if settings.get("only_devices"):
        return {"state": "devices", "gpus": _gpus(xllamacpp)}, None
    start_s = time.perf_counter()
    try:
        server = xllamacpp.Server(_params(xllamacpp, settings))
    except RuntimeError as error:
        return {"state": "refused", "problem": str(error)}, None
    load_s = time.perf_counter() - start_s
    return {"state": "ready", "address": server.listening_address, "load_s": load_s}, server


def _gpus(xllamacpp: Any) -> list[dict[str, Any]]:
    """What this build of the engine can compute on beside the processor; GPUs only, integrated ones too."""
    return [
        {
            "name": device["name"],
            "description": device["description"],
            "free_bytes": device["memory_free"],
            "memory_bytes": device["memory_total"],
        }
        for device in xllamacpp.get_device_info()
        if "GPU" in getattr(device["type"], "name", str(device["type"]))
    ]


def _params(xllamacpp: Any, settings: dict[str, Any]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = settings["model_path"]
    if settings.get("projector_path"):
        params.mmproj.path = settings["projector_path"]
        # What is no image would be handed to a program that reads videos: there is none.
        params.video_ffmpeg_bin_dir = os.devnull
    # Each slot has the whole context. One pool shared by all would be smaller, but when it runs full
    # llama.cpp ends every answer in flight, not only the one that needed more.
    params.n_parallel = settings["n_slots"]
    params.n_ctx = settings["context_tokens"] * settings["n_slots"]
    params.kv_unified = False
    # Cancellation during the prompt is seen between batches.
    params.n_batch = params.n_ubatch = settings["batch_tokens"]
    params.cpuparams.n_threads = settings["n_threads"]
    params.cpuparams_batch.n_threads = settings.get("n_batch_threads", settings["n_threads"])
    # Threads without work sleep: polling for it is no faster, and burns watts between steps.
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    if (offload := settings.get("offload")) is not None:
        # What was decided is not decided again by the engine, with another idea of what will be needed.
        params.fit_params = False
        params.n_gpu_layers, params.main_gpu = offload["n_gpu_layers"], offload["main_gpu"]
        if offload["tensor_split"]:
            unused = len(params.tensor_split) - len(offload["tensor_split"])
            params.tensor_split = [*offload["tensor_split"], *[0.0] * unused]
    if (wished := settings.get("flash_attention")) is not None:
        kinds, word = xllamacpp.llama_flash_attn_type, "ENABLED" if wished else "DISABLED"
        params.flash_attn_type = getattr(kinds, f"LLAMA_FLASH_ATTN_TYPE_{word}")
    kv_type = settings.get("kv_type", "f16").upper()
    params.cache_type_k = params.cache_type_v = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{kv_type}")
    if settings.get("looks_up"):
        # Guesses come from the text itself. What the model would not have drawn itself is thrown away, so
        # that answers follow the same distribution.
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = LOOK_UP, GUESS
    params.warmup = settings["warm_up"]
    params.cache_prompt = True
    params.cache_ram_mib = settings["prompt_cache_bytes"] >> 20
    params.use_jinja = True
    # Thoughts come apart from the answer, whatever marks the model's template puts around them.
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_AUTO
    params.embedding = settings["embeds"]
    params.hostnames = ["127.0.0.1"]
    params.port = settings.get("port", 0)
    params.api_keys = [settings["api_key"]]
    params.cors_origins = params.cors_methods = params.cors_headers = ""
    params.cors_credentials = False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = params.ui = False
    params.offline = True
    params.verbosity = 1
    return params


if __name__ == "__main__":
    main()
