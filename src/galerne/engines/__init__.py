"""Engines: run one model each and stream answers as events."""

from galerne.engines.llama import LlamaEngine
from galerne.engines.llama_settings import LlamaSettings, Tuning, default_threads
from galerne.engines.protocol import (
    Abilities,
    Engine,
    EngineKind,
    EngineMemory,
    EngineState,
    EngineStatus,
)
from galerne.engines.remote import RemoteEngine, RemoteSettings
from galerne.engines.simulated import SimulatedEngine
from galerne.engines.vllm import VllmEngine, VllmSettings, vllm_command

__all__ = [
    "Abilities",
    "Engine",
    "EngineKind",
    "EngineMemory",
    "EngineState",
    "EngineStatus",
    "LlamaEngine",
    "LlamaSettings",
    "RemoteEngine",
    "RemoteSettings",
    "SimulatedEngine",
    "Tuning",
    "VllmEngine",
    "VllmSettings",
    "default_threads",
    "vllm_command",
]
