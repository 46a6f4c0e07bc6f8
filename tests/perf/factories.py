"""Small hand-made rows, so that the formulas are tested apart from the catalogue."""

from dataclasses import replace

from galerne.catalog import AcceleratorSpec, Calibration, HostSpec, Machine, ModelSpec, WeightFormat
from galerne.perf import ServingPlan

NO_SOURCES = {"default": "test"}

MISTRAL_7B = ModelSpec(
    id="mistral-7b", name="Mistral 7B", repository="", released="2023-09", licence="Apache-2.0",
    commercial_use=True, n_parameters=7.25e9, n_active_parameters=7.25e9, context_tokens=32768, dim=4096,
    n_layers=32, head_dim=128, hidden_dim=14336, n_heads=32, n_kv_heads=8, vocab_size=32768,
)  # fmt: skip
MIXTRAL_8X7B = replace(
    MISTRAL_7B,
    id="mixtral-8x7b",
    n_experts=8,
    n_experts_per_token=2,
    expert_hidden_dim=14336,
    vocab_size=32000,
)
SMALL_4 = ModelSpec(
    id="mistral-small-4", name="Small 4", repository="", released="2026-03", licence="Apache-2.0",
    commercial_use=True, n_parameters=119e9, n_active_parameters=6.5e9, context_tokens=262144, dim=4096,
    n_layers=36, head_dim=128, hidden_dim=0, n_heads=32, n_kv_heads=32, vocab_size=131072, n_experts=128,
    n_experts_per_token=4, n_shared_experts=1, expert_hidden_dim=2048, q_lora_rank=1024, kv_lora_rank=256,
    qk_nope_head_dim=64, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip
BF16 = WeightFormat(id="bf16", name="bfloat16", bytes_per_weight=2.0, compute="fp16", sources=NO_SOURCES)
HOST = HostSpec(
    id="host", name="host", match=".*", busy_core_w=3.0, idle_core_w=1.0, embodied_core_g=30e3,
    life_years=4.0, sources=NO_SOURCES,
)  # fmt: skip
H100 = AcceleratorSpec(
    id="h100", name="H100", memory_bytes=80e9, memory_bytes_per_s=3.35e12,
    peak_flop_per_s={"fp16": 989e12, "fp8": 1978e12}, link_bytes_per_s=900e9, power_limit_w=700.0,
    idle_w=70.0, embodied_g=164e3, sources=NO_SOURCES,
)  # fmt: skip
IDEAL = Calibration(
    id="ideal", target="accelerator", engine="none", weight_traffic_ratio=1.0, expert_traffic_ratio=1.0,
    kv_traffic_ratio=1.0, route_traffic_ratio=1.0, decode_flop_ratio=1.0, prefill_flop_ratio=1.0,
    prefill_wide_flop_ratio=0.0, attention_flop_ratio=1.0, expert_flop_ratio=1.0, reduce_traffic_ratio=1.0,
    exchange_traffic_ratio=1.0, logits_traffic_ratio=0.0, kernel_s=0.0, base_power_ratio=0.4,
    traffic_power_ratio=0.3, flop_power_ratio=0.6, sequence_power_s=0.0, kernel_power_s=0.0, error_ratio=0.2,
    duration_ratio=1.0,     sources=NO_SOURCES,
)  # fmt: skip
LAPTOP = Machine(
    name="laptop", host=HOST, n_cores=4, memory_bytes=16_000_000_000, memory_bytes_per_s=50e9,
    peak_flop_per_s=400e9,
)  # fmt: skip
NODE = Machine(
    name="node", host=HOST, n_cores=64, memory_bytes=1_000_000_000_000, memory_bytes_per_s=300e9,
    peak_flop_per_s=4e12, accelerators=(H100,) * 8, accelerator_host_w=1600.0,
)  # fmt: skip


def plan(model=MISTRAL_7B, machine=NODE, calibration=IDEAL, **changes):
    return ServingPlan(model=model, format=BF16, machine=machine, calibration=calibration, **changes)
