"""The shared model of performance and energy: architecture x hardware x batch -> bytes, seconds, joules.

Used by the fit adviser, the router, attribution, the site plan and the simulated engine: one formula, in
``step.predict_step``.
"""

from galerne.perf.advice import Advice, advise
from galerne.perf.architecture import (
    active_parameter_count,
    kv_bytes,
    kv_bytes_per_token,
    parameter_count,
    weights_bytes,
)
from galerne.perf.fit import device_memory_bytes, fit_plan, serving_plan
from galerne.perf.records import BatchShape, Fit, ServingPlan, StepCost, StepWeights
from galerne.perf.steady import SteadyCost, SteadyLoad, steady_cost, steady_terms, token_interval_s
from galerne.perf.step import predict_step, step_weights
from galerne.perf.terms import roofline

__all__ = [
    "Advice",
    "BatchShape",
    "Fit",
    "ServingPlan",
    "SteadyCost",
    "SteadyLoad",
    "StepCost",
    "StepWeights",
    "active_parameter_count",
    "advise",
    "device_memory_bytes",
    "fit_plan",
    "kv_bytes",
    "kv_bytes_per_token",
    "parameter_count",
    "predict_step",
    "roofline",
    "serving_plan",
    "steady_cost",
    "steady_terms",
    "step_weights",
    "token_interval_s",
    "weights_bytes",
]
