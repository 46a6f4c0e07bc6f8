"""Which layers of a model go to which GPU: by the memory that is free when it is loaded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from galerne.engines.child import Child

PACKAGE = "xllamacpp"
RESERVE_BYTES = 1 << 30
"""Left free on each GPU for the engine's buffers: the margin that llama.cpp keeps when it chooses itself."""
_CHILD = Path(__file__).with_name("llama_child.py")
_BUILT_FOR = ("cu", "rocm", "vulkan", "hip", "metal")
_GRACE_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """A GPU that the installed build of the engine can compute on, as it describes it."""

    name: str
    description: str
    free_bytes: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuShare:
    """What models may have of this machine's GPUs.

    Attributes:
        gpus: in the engine's order.
        most_layers: of one model; None for as many as fit.
    """

    gpus: tuple[Gpu, ...] = ()
    most_layers: int | None = None


NO_GPUS = GpuShare()


@dataclass(frozen=True, kw_only=True, slots=True)
class Burden:
    """What of a model can go to a GPU.

    Attributes:
        n_layers: repeating ones; the output counts as one more.
        layers_bytes: weights of them all, with the keys and values of every conversation.
        most_layers: the owner's limit; None for as many as fit, 0 for none.
    """

    n_layers: int
    layers_bytes: float
    most_layers: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Offload:
    """What goes where.

    Attributes:
        n_gpu_layers: on GPUs together, the output counted; 0 for none.
        tensor_split: each GPU's part of them, in the engine's order; the parts add up to 1.
        main_gpu: the one with most room, which holds what is not divided.
        gpu_ratio: share of the model that is not in the host's memory.
    """

    n_gpu_layers: int = 0
    tensor_split: tuple[float, ...] = ()
    main_gpu: int = 0
    gpu_ratio: float = 0.0


def plan_offload(gpus: Sequence[Gpu], burden: Burden) -> Offload:
    """As many layers as fit, on the one GPU that holds them all, else over several by their free memory."""
    n_whole = burden.n_layers + 1
    wanted = n_whole if burden.most_layers is None else min(burden.most_layers, n_whole)
    per_layer_bytes = burden.layers_bytes / n_whole
    room = [max(0, gpu.free_bytes - RESERVE_BYTES) for gpu in gpus]
    if not wanted or not any(room) or per_layer_bytes <= 0:
        return Offload()
    main_gpu = max(range(len(room)), key=room.__getitem__)
    if room[main_gpu] >= wanted * per_layer_bytes:
        split = tuple(1.0 if index == main_gpu else 0.0 for index in range(len(room)))
        n_layers = wanted
    else:
        # A layer is not divided: each GPU takes whole ones.
        by_gpu = [int(free_bytes // per_layer_bytes) for free_bytes in room]
        n_layers = min(wanted, sum(by_gpu))
        if not n_layers:
            return Offload()
        split = tuple(n / sum(by_gpu) for n in by_gpu)
    return Offload(n_gpu_layers=n_layers, tensor_split=split, main_gpu=main_gpu, gpu_ratio=n_layers / n_whole)


def is_built_for_gpus() -> bool:
    """Whether the installed engine may know GPUs: not so the wheel of the package index for Linux."""
    try:
        distribution = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    local = distribution.version.partition("+")[2]
    return local.startswith(_BUILT_FOR) or "manylinux" not in (distribution.read_text("WHEEL") or "")


async def find_gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine that the engine can use, with their free memory; asks a process of its own."""
    try:
        child = await Child.spawn([sys.executable, "-P", str(_CHILD)], settings={"only_devices": True})
    except OSError:
        return ()
    try:
        report = await child.report()
    finally:
        await child.end(grace_s=_GRACE_S)
    if report is None or report["state"] != "devices":
        return ()
    return tuple(Gpu(**gpu) for gpu in report["gpus"])
