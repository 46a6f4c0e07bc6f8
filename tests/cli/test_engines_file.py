from __future__ import annotations

import pytest

from galerne.catalog import Catalog
from galerne.cli.engines_file import read_engines
from galerne.cli.further_nodes import with_further_nodes
from galerne.cli.nodes import Stock
from galerne.clock import ManualClock
from galerne.engines import EngineKind, VllmSettings, vllm_command
from galerne.errors import InvalidSetting
from tests.perf.factories import LAPTOP

FILE = """
[engines.box]
url = "http://10.0.0.5:8000"
key_env = "BOX_KEY"
system = "dgx-h100"
accelerators = 2
slots = 32

[[engines.box.models]]
id = "small"
like = "mistral-small-3.2-24b"
served_as = "mistralai/Mistral-Small"
format = "fp8"
context_tokens = 32768

[engines.own]
run = "vllm"
system = "dgx-h100"
accelerators = 2

[[engines.own.models]]
id = "mistral-small-3.2-24b"
checkpoint = "/models/small"
format = "fp8"
"""


def stock_of(tmp_path, *, offline=False, default_id="galerne-mini"):
    path = tmp_path / "engines.toml"
    path.write_text(FILE)
    entries = read_engines(path, {"BOX_KEY": "s3cret"})
    empty = Stock(
        node_id="local", machine=LAPTOP, find_nodes=list, active_j=lambda: 0.0, processor_s=lambda: 0.0
    )
    return with_further_nodes(
        empty, entries, Catalog(), LAPTOP, default_id=default_id, offline=offline, clock=ManualClock()
    )


def test_the_engines_of_the_file_are_nodes_beside_the_local_ones(tmp_path):
    stock = stock_of(tmp_path)
    box, own = stock.find_nodes()
    assert (box.node_id, box.model_id) == ("box/small", "small")
    assert box.engine.status().kind is EngineKind.REMOTE
    assert box.engine.status().context_tokens == 32768
    assert box.plan.tensor_parallel == 2
    assert own.engine.status().kind is EngineKind.VLLM
    assert box.needed_bytes == own.needed_bytes == 0  # nothing of this machine's memory
    assert stock.elsewhere_j() == 0.0


def test_the_default_model_may_be_one_of_them(tmp_path):
    first = stock_of(tmp_path, default_id="mistral-small-3.2-24b").find_nodes()[0]
    assert first.node_id == "own/mistral-small-3.2-24b"


def test_offline_nothing_elsewhere_is_asked(tmp_path):
    assert [node.node_id for node in stock_of(tmp_path, offline=True).find_nodes()] == [
        "own/mistral-small-3.2-24b"
    ]


def test_the_command_line_of_vllm_is_that_of_the_plan(tmp_path):
    own = stock_of(tmp_path).find_nodes()[1]
    settings = VllmSettings(
        model_id="small", checkpoint="/models/small", plan=own.plan, options=("--enforce-eager",)
    )
    assert vllm_command(settings, port=8123) == [
        "vllm", "serve", "/models/small", "--host", "127.0.0.1", "--port", "8123",
        "--served-model-name", "small", "--tensor-parallel-size", "2", "--pipeline-parallel-size", "1",
        "--data-parallel-size", "1", "--max-model-len", "8192", "--max-num-seqs", "16",
        "--quantization", "fp8", "--enforce-eager",
    ]  # fmt: skip


def test_no_file_means_no_further_engines(tmp_path):
    assert read_engines(tmp_path / "engines.toml", {}) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("[engines.box]", "[engine.box]"), "nothing else"),
        (('url = "http://10.0.0.5:8000"', 'url = "box"'), "address"),
        (('url = "http://10.0.0.5:8000"', ""), "one of"),
        (('system = "dgx-h100"', ""), "needs `system`"),
        (("accelerators = 2", 'accelerators = "two"'), "is not int"),
        (("slots = 32", "slot = 32"), "no key"),
        (('id = "small"', ""), "needs `id`"),
        (('checkpoint = "/models/small"', ""), "needs `checkpoint`"),
        (('run = "vllm"', 'run = "magic"'), "one of vllm"),
        (("[engines.own]", "[engines.own"), ""),
    ],
)
def test_a_wrong_file_is_refused_with_the_entry_and_the_way_out(tmp_path, change, problem):
    path = tmp_path / "engines.toml"
    path.write_text(FILE.replace(*change, 1))
    with pytest.raises(InvalidSetting) as caught:
        read_engines(path, {"BOX_KEY": "s3cret"})
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_key_that_is_not_set_is_named_by_its_variable(tmp_path):
    path = tmp_path / "engines.toml"
    path.write_text(FILE)
    with pytest.raises(InvalidSetting, match="BOX_KEY"):
        read_engines(path, {})
