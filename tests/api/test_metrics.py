"""What Prometheus reads, and what an OpenTelemetry collector is told."""

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from galerne.api.metrics import Metrics
from galerne.api.telemetry import Telemetry
from galerne.generation import FinishReason
from galerne.ledger import Accounts
from tests.api.fakes import FakeGateway, client, receipt


class Books:
    def totals(self) -> Accounts:
        return Accounts(answers_uj=3_000_000, foreign_uj=1_000_000, meter_uj=4_000_000)

    def recent_power_w(self) -> list[float]:
        return [12.0, 31.5]


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.watch(Books(), FakeGateway().status)
    return made


def samples(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in families
        for sample in family.samples
    }


def test_energy_is_shown_by_account_and_power_as_it_is_now(metrics):
    shown = samples(metrics)
    assert shown["galerne_energy_joules_total['answers']"] == 3.0
    assert shown["galerne_energy_joules_total['foreign']"] == 1.0
    assert shown["galerne_energy_joules_total['meter']"] == 4.0
    assert shown["galerne_power_watts[]"] == 31.5


def test_answers_tokens_and_waiting_times_are_counted(metrics):
    metrics.note(receipt())
    metrics.note(receipt())
    shown = samples(metrics)
    usage = receipt().answer.usage
    model = receipt().answer.model_id
    assert shown[f"galerne_answers_total{sorted([model, 'stop'])}"] == 2.0
    assert shown[f"galerne_tokens_total{sorted([model, 'new'])}"] == 2.0 * usage.new_tokens
    assert shown[f"galerne_time_to_first_token_seconds_count['{model}']"] == 2.0
    assert shown[f"galerne_time_to_first_token_seconds_sum['{model}']"] == pytest.approx(
        2 * usage.first_token_s
    )
    assert shown[f"galerne_time_per_output_token_seconds_count['{model}']"] == 2.0
    assert shown[f"galerne_answer_energy_joules_total['{model}']"] == pytest.approx(2 * receipt().full_j)


def test_the_route_speaks_prometheus_format(metrics):
    response = client(metrics=metrics).get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE galerne_energy_joules_total counter" in response.text


class Collector(ThreadingHTTPServer):
    """Takes what an exporter sends over OTLP/HTTP."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list = []
        self.measures: dict[str, object] = {}
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        if self.path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.server.spans += [span for scope in group.scope_spans for span in scope.spans]
        else:
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.server.measures |= {m.name: m for scope in group.scope_metrics for m in scope.metrics}
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch) -> Iterator[Collector]:
    made = Collector()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{made.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    made.shutdown()
    made.server_close()


def test_a_collector_is_told_of_each_answer_in_gen_ai_names(collector):
    telemetry = Telemetry()
    told = receipt()
    failed = dataclasses.replace(
        told, answer=dataclasses.replace(told.answer, finish_reason=FinishReason.ERROR)
    )
    telemetry.note(told)
    telemetry.note(failed)
    telemetry.close()
    first, second = collector.spans
    attributes = {entry.key: entry.value for entry in first.attributes}
    usage = told.answer.usage
    assert first.name == f"chat {told.answer.model_id}"
    assert attributes["gen_ai.usage.input_tokens"].int_value == usage.prompt_tokens
    assert attributes["gen_ai.usage.output_tokens"].int_value == usage.new_tokens
    assert attributes["gen_ai.request.model"].string_value == told.answer.model_id
    assert attributes["galerne.energy.full_j"].double_value == pytest.approx(told.full_j)
    total_s = usage.queued_s + usage.prefill_s + usage.decode_s
    assert (first.end_time_unix_nano - first.start_time_unix_nano) / 1e9 == pytest.approx(total_s, abs=1e-5)
    assert (first.status.code, second.status.code) == (0, 2)
    assert {
        "gen_ai.client.token.usage",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "galerne.energy",
    } <= collector.measures.keys()
