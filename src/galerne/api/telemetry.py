"""Tells an OpenTelemetry collector of each answer: a span and measurements with ``gen_ai.*`` names.

Where to is read by OpenTelemetry itself from its standard variables. Never a prompt, an answer, or a key:
model, counts, times, energy. Spans are made when the answer has ended, and sent in the background.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from galerne import __version__
from galerne.generation import FinishReason
from galerne.ledger import Receipt

NAME = "galerne"
_NS_PER_S = 1e9


class Telemetry:
    """Spans and measurements of answers, on their way to a collector."""

    def __init__(self) -> None:
        resource = Resource.create({"service.name": NAME, "service.version": __version__})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._traces.get_tracer(NAME, __version__)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        meter = self._meters.get_meter(NAME, __version__)
        self._tokens = meter.create_histogram("gen_ai.client.token.usage", unit="{token}")
        self._duration = meter.create_histogram("gen_ai.server.request.duration", unit="s")
        self._first_token = meter.create_histogram("gen_ai.server.time_to_first_token", unit="s")
        self._per_token = meter.create_histogram("gen_ai.server.time_per_output_token", unit="s")
        self._energy = meter.create_counter("galerne.energy", unit="J")

    def note(self, receipt: Receipt) -> None:
        """Tell of an answer that has ended. From any thread."""
        answer, usage = receipt.answer, receipt.answer.usage
        total_s = usage.queued_s + usage.prefill_s + usage.decode_s
        common = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": NAME,
            "gen_ai.request.model": answer.model_id,
            "gen_ai.response.model": answer.model_id,
        }
        span = self._tracer.start_span(
            f"chat {answer.model_id}",
            kind=SpanKind.SERVER,
            start_time=int((answer.at - total_s) * _NS_PER_S),
            attributes={
                **common,
                "gen_ai.response.id": answer.request_id,
                "gen_ai.response.finish_reasons": (answer.finish_reason.value,),
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.new_tokens,
                "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
                "galerne.receipt.id": receipt.receipt_id,
                "galerne.method": receipt.method,
                "galerne.energy.active_j": receipt.active_j,
                "galerne.energy.full_j": receipt.full_j,
                "galerne.co2e.use_g": receipt.impact.use_co2_g,
                "galerne.co2e.embodied_g": receipt.impact.embodied_co2_g,
                "galerne.queued_s": usage.queued_s,
                "galerne.first_token_s": usage.first_token_s,
            },
        )
        if answer.finish_reason is FinishReason.ERROR:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=int(answer.at * _NS_PER_S))
        self._tokens.record(usage.prompt_tokens, {**common, "gen_ai.token.type": "input"})
        self._tokens.record(usage.new_tokens, {**common, "gen_ai.token.type": "output"})
        self._duration.record(total_s, common)
        if usage.new_tokens:
            self._first_token.record(usage.first_token_s, common)
        if usage.new_tokens > 1:
            self._per_token.record(usage.decode_s / (usage.new_tokens - 1), common)
        self._energy.add(receipt.full_j, {**common, "galerne.method": receipt.method})

    def close(self) -> None:
        """Send what is left and stop."""
        self._traces.shutdown()
        self._meters.shutdown()
