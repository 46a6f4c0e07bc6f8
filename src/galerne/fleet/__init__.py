"""Nodes, the router with its policies, and the gateway a message passes through."""

from galerne.fleet.admission import Admission
from galerne.fleet.chain import (
    ChainObserver,
    ChainView,
    EngineView,
    GridView,
    MachineView,
    PlaceView,
    Surroundings,
)
from galerne.fleet.gateway import Gateway, GatewayEvent
from galerne.fleet.pool import Pool, PoolRules
from galerne.fleet.pricing import ModelPrice, model_prices
from galerne.fleet.queue import FairQueue, QueuePlace, QueueView
from galerne.fleet.records import (
    Delivered,
    Expectation,
    GatewayStatus,
    LoadTerms,
    Node,
    Presence,
    RouteDecision,
    ServedModel,
)
from galerne.fleet.residents import Loading, ResidentView
from galerne.fleet.router import POLICIES, Router, expect
from galerne.fleet.throughput import Throughput

__all__ = [
    "POLICIES",
    "Admission",
    "ChainObserver",
    "ChainView",
    "Delivered",
    "EngineView",
    "Expectation",
    "FairQueue",
    "Gateway",
    "GatewayEvent",
    "GatewayStatus",
    "GridView",
    "LoadTerms",
    "Loading",
    "MachineView",
    "ModelPrice",
    "Node",
    "PlaceView",
    "Pool",
    "PoolRules",
    "Presence",
    "QueuePlace",
    "QueueView",
    "ResidentView",
    "RouteDecision",
    "Router",
    "ServedModel",
    "Surroundings",
    "Throughput",
    "expect",
    "model_prices",
]
