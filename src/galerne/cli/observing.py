"""Lets others watch: Prometheus by asking, OpenTelemetry by being told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from galerne.api.metrics import Metrics
from galerne.errors import InvalidSetting
from galerne.fleet import Gateway
from galerne.ledger import Accountant

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables. Without either, nothing is sent anywhere."""


@contextlib.contextmanager
def observe(accountant: Accountant, gateway: Gateway) -> Iterator[Metrics]:
    """Count what the daemon does, and tell a collector where one is set.

    Raises:
        InvalidSetting: a collector is set, and the packages that talk to one are missing.
    """
    metrics = Metrics()
    metrics.watch(accountant, gateway.status)
    accountant.tell(metrics.note)
    with contextlib.ExitStack() as stack:
        if name := next((name for name in ENDPOINTS if os.environ.get(name)), None):
            try:
                from galerne.api.telemetry import Telemetry
            except ImportError as error:
                problem = "a collector needs `pip install galerne[otel]`"
                raise InvalidSetting(name=name, problem=problem) from error
            telemetry = Telemetry()
            stack.callback(telemetry.close)
            accountant.tell(telemetry.note)
        yield metrics
