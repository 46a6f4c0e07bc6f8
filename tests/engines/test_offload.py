"""GPUs: what goes where, and that the engine is told so. The binding stands for one built for two of them."""

import json
from pathlib import Path

import pytest
import xllamacpp

from galerne.engines import EngineState, LlamaEngine, LlamaSettings
from galerne.engines.offload import Burden, Gpu, Offload, find_gpus, is_built_for_gpus, plan_offload
from galerne.generation import Finished, GenerationRequest, Message, Role, Sampling
from tests.models.gguf_bytes import tiny_gguf

pytestmark = pytest.mark.anyio
GIB = 1 << 30
MODEL = Burden(n_layers=31, layers_bytes=32.0 * GIB)  # 1 GiB for each layer and for the output

BINDING = """
import importlib.util, json, sys
from enum import Enum
from pathlib import Path

spec = importlib.util.spec_from_file_location("xllamacpp", {real!r}, submodule_search_locations=[{folder!r}])
real = importlib.util.module_from_spec(spec)
sys.modules["xllamacpp"] = real
spec.loader.exec_module(real)


class Kind(Enum):
    GGML_BACKEND_DEVICE_TYPE_CPU = 0
    GGML_BACKEND_DEVICE_TYPE_GPU = 1


def device(name, kind, free):
    memory = {{"memory_free": free, "memory_total": 24 << 30}}
    return {{"name": name, "description": "NVIDIA L4", "type": kind, **memory}}


real.get_device_info = lambda: [
    device("CPU", Kind.GGML_BACKEND_DEVICE_TYPE_CPU, 1 << 30),
    device("CUDA0", Kind.GGML_BACKEND_DEVICE_TYPE_GPU, {free[0]}),
    device("CUDA1", Kind.GGML_BACKEND_DEVICE_TYPE_GPU, {free[1]}),
]
Server = real.Server


def serve(params):
    names = "n_gpu_layers", "main_gpu", "tensor_split", "fit_params"
    told = {{name: getattr(params, name) for name in names}}
    Path({out!r}).write_text(json.dumps(told))
    params.n_gpu_layers = 0
    return Server(params)


real.Server = serve
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def gpu(free_gib: float) -> Gpu:
    return Gpu(
        name="CUDA", description="NVIDIA L4", free_bytes=int(free_gib * GIB), memory_bytes=int(24 * GIB)
    )


def test_the_gpu_with_room_for_all_takes_all():
    plan = plan_offload([gpu(10), gpu(40)], MODEL)
    assert plan == Offload(n_gpu_layers=32, tensor_split=(0.0, 1.0), main_gpu=1, gpu_ratio=1.0)


def test_several_share_whole_layers_by_their_free_memory():
    plan = plan_offload([gpu(11), gpu(31)], MODEL)
    assert (plan.n_gpu_layers, plan.tensor_split, plan.main_gpu) == (32, (0.25, 0.75), 1)


def test_what_does_not_fit_stays_on_the_processor():
    plan = plan_offload([gpu(9)], MODEL)  # a gibibyte is left to the engine's buffers
    assert (plan.n_gpu_layers, plan.gpu_ratio) == (8, 0.25)
    assert plan_offload([gpu(0.5)], MODEL) == Offload()
    assert plan_offload([], MODEL) == Offload()


@pytest.mark.parametrize(("most", "n_layers"), [(0, 0), (5, 5), (99, 32)])
def test_the_owner_sets_the_most(most, n_layers):
    burden = Burden(n_layers=31, layers_bytes=32.0 * GIB, most_layers=most)
    assert plan_offload([gpu(100)], burden).n_gpu_layers == n_layers


@pytest.mark.parametrize(
    ("version", "wheel", "built"),
    [
        ("2026.10.1", "Tag: cp311-manylinux_2_28_x86_64", False),
        ("2026.10.1+cu128", "Tag: cp311-manylinux_2_28_x86_64", True),
        ("2026.10.1+rocm.7.2", "Tag: cp311-manylinux_2_28_x86_64", True),
        ("2026.10.1", "Tag: cp311-macosx_14_0_arm64", True),
        ("2026.10.1", "Tag: cp311-linux_x86_64", True),  # compiled here
    ],
)
def test_the_wheel_says_whether_it_may_know_gpus(version, wheel, built, monkeypatch):
    class Distribution:
        def __init__(self) -> None:
            self.version = version

        def read_text(self, _: str) -> str:
            return wheel

    monkeypatch.setattr("galerne.engines.offload.metadata.distribution", lambda _: Distribution())
    assert is_built_for_gpus() is built


@pytest.fixture
def binding(tmp_path, monkeypatch):
    """A build of the engine that knows two GPUs, and serves on the processor what it is told to put there."""
    real = str(xllamacpp.__file__)

    def install(*free_bytes: int) -> Path:
        out = tmp_path / "told.json"
        text = BINDING.format(real=real, folder=str(Path(real).parent), free=free_bytes, out=str(out))
        (tmp_path / "xllamacpp.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return out

    return install


async def test_the_engine_is_told_what_fits_the_memory_that_is_free_when_it_starts(binding, tmp_path):
    out = binding(3 << 30, 9 << 30)
    assert [g.name for g in await find_gpus()] == ["CUDA0", "CUDA1"]
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    settings = LlamaSettings(
        model_id="tiny", model_path=path, context_tokens=256, n_slots=2, grace_s=0.5, burden=MODEL
    )
    engine = LlamaEngine(settings)
    try:
        await engine.start()
        told = json.loads(out.read_text())
        assert (told["n_gpu_layers"], told["main_gpu"], told["fit_params"]) == (10, 1, False)
        assert told["tensor_split"][:3] == pytest.approx([0.2, 0.8, 0.0])
        assert engine.offload.gpu_ratio == 10 / 32
        question = GenerationRequest(
            request_id="r",
            model_id="tiny",
            messages=(Message(role=Role.USER, content="a"),),
            sampling=Sampling(max_new_tokens=2),
        )
        events = [event async for event in engine.generate(question)]
        assert isinstance(events[-1], Finished)
    finally:
        await engine.stop()
    assert engine.status().state is EngineState.STOPPED


async def test_the_packaged_build_knows_no_gpu_here_and_a_missing_one_none_either(monkeypatch, tmp_path):
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('none')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert await find_gpus() == ()
