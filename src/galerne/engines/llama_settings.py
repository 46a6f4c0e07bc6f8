"""What llama.cpp is told of a model: limits that the owner sets, and settings that a machine decides."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from galerne.engines.offload import Burden
from galerne.engines.protocol import Abilities

SMALL_BYTES = 64 << 20
"""A model below this size needs no warm-up, and runs in one thread until it has been measured here."""
DEFAULT_SLOTS = 4
DEFAULT_BATCH_TOKENS = 512
KV_BYTES_PER_VALUE = {"f16": 2.0, "q8_0": 34 / 32}
"""Width of a stored key or value; q8_0 keeps a 16-bit scale with each 32 of them."""


def default_threads(model_bytes: int) -> int:
    """One thread per physical core that this process may use; a single one for a small model.

    More threads than cores make llama.cpp slower. The steps of a small model are so short that threads
    mostly spin while they wait for each other; on a busy machine that costs several times the work itself.
    """
    return 1 if model_bytes < SMALL_BYTES else usable_cores()


def usable_cores() -> int:
    """Physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """The settings that a machine decides, and none of which changes what a model would say but ``kv_type``.

    Attributes:
        n_slots: answers generated at once; further ones wait.
        n_threads: threads while one answer is written; None for ``default_threads``.
        n_batch_threads: threads while prompts are read or several answers are written; None for the same.
        batch_tokens: prompt tokens processed at a time; cancellation is seen between batches.
        flash_attention: None leaves it to the engine.
        kv_type: how keys and values are kept, of ``KV_BYTES_PER_VALUE``; q8_0 halves their memory, and may
            change an answer.
        looks_up: guesses the next words from what the text already holds, and keeps those that the model
            itself would have chosen.
    """

    n_slots: int = DEFAULT_SLOTS
    n_threads: int | None = None
    n_batch_threads: int | None = None
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    flash_attention: bool | None = None
    kv_type: str = "f16"
    looks_up: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LlamaSettings:
    """How the engine runs a model.

    Attributes:
        model_id: the name clients use.
        context_tokens: tokens that one conversation may hold. The memory of keys and values is
            ``context_tokens`` times ``n_slots``, all taken at load.
        n_slots: answers generated at once; further ones wait.
        n_threads: threads of the computation; None for ``default_threads``.
        n_batch_threads: those of prompts and of several answers at once; None for the same.
        batch_tokens: prompt tokens processed at a time; cancellation is seen between batches.
        flash_attention: as in ``Tuning``; so are ``kv_type`` and ``looks_up``.
        prompt_cache_bytes: host memory for the prompts of conversations that lost their slot.
        patience_s: how long a request waits for a crashed engine to come back.
        grace_s: how long the process may take to end when asked politely.
        abilities: what the file says of the model, until the engine has loaded it and knows.
        burden: what of the model may go to GPUs, by their free memory at each start; None for nothing.
        heartbeat_s: how often it must give a sign of life, and how long that may take; after three
            missed ones it is replaced.
        projector_path: the file that gives the model eyes; None for none.
    """

    model_id: str
    model_path: Path
    context_tokens: int
    n_slots: int = DEFAULT_SLOTS
    n_threads: int | None = None
    n_batch_threads: int | None = None
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    flash_attention: bool | None = None
    kv_type: str = "f16"
    looks_up: bool = False
    prompt_cache_bytes: int = 256 << 20
    patience_s: float = 30.0
    grace_s: float = 2.0
    abilities: Abilities = field(default_factory=Abilities)
    heartbeat_s: float = 5.0
    projector_path: Path | None = None
    burden: Burden | None = None
