"""The shared model of performance and energy: architecture x hardware x batch -> bytes, seconds, joules.

Used by the fit adviser, the router, attribution, the site plan and the simulated engine: one formula, in
``step.predict_step``.
"""

from galerne.perf.advice import Advice, advise
from galerne.perf.architecture import (
    active_parameter_count,
    kv_bytes_per_token,
    parameter_count,
    weights_bytes,
)
from galerne.perf.fit import fit_plan, serving_plan
from galerne.perf.records import BatchShape, Fit, ServingPlan, StepCost, StepWeights
from galerne.perf.step import predict_step, roofline, step_weights

__all__ = [
    "Advice",
    "BatchShape",
    "Fit",
    "ServingPlan",
    "StepCost",
    "StepWeights",
    "active_parameter_count",
    "advise",
    "fit_plan",
    "kv_bytes_per_token",
    "parameter_count",
    "predict_step",
    "roofline",
    "serving_plan",
    "step_weights",
    "weights_bytes",
]
