"""Engines: run one model each and stream answers as events."""

from galerne.engines.llama import LlamaEngine, LlamaSettings, default_threads
from galerne.engines.protocol import Engine, EngineKind, EngineState, EngineStatus
from galerne.engines.simulated import SimulatedEngine

__all__ = [
    "Engine",
    "EngineKind",
    "EngineState",
    "EngineStatus",
    "LlamaEngine",
    "LlamaSettings",
    "SimulatedEngine",
    "default_threads",
]
