"""What Prometheus reads: counters of answers, and the state of meter and engines at the moment of asking.

Names end in their unit, as Prometheus has it: joules, seconds, watts, grams, euros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from galerne.fleet import GatewayStatus
from galerne.ledger import Accounts, Receipt

Family = TypeVar("Family", Counter, Histogram)

FIRST_TOKEN_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Buckets of waiting, from one nobody notices to one nobody has."""
PER_TOKEN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Books(Protocol):
    """Where energy is counted: the accountant."""

    def totals(self) -> Accounts:
        """Where the energy of every settled window since the start went."""
        ...

    def recent_power_w(self) -> list[float]:
        """Mean power of the last windows, oldest first."""
        ...


class Metrics:
    """The metrics of one daemon, since its start."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._rows: dict[tuple[Any, ...], Counter | Histogram] = {}
        by_model = ("model",)
        self._answers = Counter(
            "galerne_answers", "Answers that ended.", (*by_model, "finish_reason"), registry=registry
        )
        self._tokens = Counter(
            "galerne_tokens", "Tokens, by what was done with them.", (*by_model, "kind"), registry=registry
        )
        self._energy = Counter(
            "galerne_answer_energy_joules", "Energy of answers, provisional.", by_model, registry=registry
        )
        self._carbon = Counter(
            "galerne_answer_co2e_grams",
            "CO2e of answers, provisional.",
            (*by_model, "part"),
            registry=registry,
        )
        self._cost = Counter(
            "galerne_answer_electricity_euros", "Electricity of answers, provisional.", by_model,
            registry=registry,
        )  # fmt: skip
        self._queued = Histogram(
            "galerne_queue_seconds", "Time before the engine began.", by_model,
            buckets=FIRST_TOKEN_S, registry=registry,
        )  # fmt: skip
        self._first_token = Histogram(
            "galerne_time_to_first_token_seconds", "Time to the first token (TTFT).", by_model,
            buckets=FIRST_TOKEN_S, registry=registry,
        )  # fmt: skip
        self._per_token = Histogram(
            "galerne_time_per_output_token_seconds", "Time per token after the first (TPOT).", by_model,
            buckets=PER_TOKEN_S, registry=registry,
        )  # fmt: skip

    def watch(self, books: Books, status: Callable[[], GatewayStatus]) -> None:
        """Show these too, as they stand when they are asked for."""
        self._registry.register(_State(books, status))

    def note(self, receipt: Receipt) -> None:
        """Count an answer. From any thread."""
        answer, usage, impact = receipt.answer, receipt.answer.usage, receipt.impact
        model = answer.model_id
        self._row(self._answers, model, answer.finish_reason.value).inc()
        for kind, n_tokens in (
            ("prompt", usage.prompt_tokens - usage.cached_tokens),
            ("cached", usage.cached_tokens),
            ("new", usage.new_tokens),
        ):
            self._row(self._tokens, model, kind).inc(max(0, n_tokens))
        self._row(self._energy, model).inc(receipt.full_j)
        self._row(self._carbon, model, "use").inc(impact.use_co2_g)
        self._row(self._carbon, model, "embodied").inc(impact.embodied_co2_g)
        if impact.cost_eur is not None and impact.cost_eur > 0:  # prices of the market can be negative
            self._row(self._cost, model).inc(impact.cost_eur)
        self._row(self._queued, model).observe(usage.queued_s)
        if usage.new_tokens:
            self._row(self._first_token, model).observe(usage.first_token_s)
        if usage.new_tokens > 1:
            self._row(self._per_token, model).observe(usage.decode_s / (usage.new_tokens - 1))

    def _row(self, family: Family, *labels: str) -> Family:
        """The library looks a row up under a lock, and reads its labels anew each time."""
        row = self._rows.get((id(family), *labels))
        if row is None:
            row = self._rows[id(family), *labels] = family.labels(*labels)
        return cast("Family", row)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is read at the moment of asking."""

    def __init__(self, books: Books, status: Callable[[], GatewayStatus]) -> None:
        self._books = books
        self._status = status

    def collect(self) -> Iterator[Metric]:
        totals = self._books.totals().joules()
        energy = CounterMetricFamily(
            "galerne_energy_joules", "Metered energy by account; meter is their sum.", labels=("account",)
        )
        for account, energy_j in totals.items():
            energy.add_metric((account,), energy_j)
        yield energy
        history_w = self._books.recent_power_w()
        power_w = history_w[-1] if history_w else float("nan")
        yield GaugeMetricFamily("galerne_power_watts", "Mean power of the last window.", value=power_w)
        status = self._status()
        yield GaugeMetricFamily("galerne_answers_active", "Answers under way.", value=status.n_active)
        yield GaugeMetricFamily("galerne_answers_waiting", "Answers that wait.", value=status.n_waiting)
        ready = GaugeMetricFamily(
            "galerne_engine_ready", "1 where the engine answers, else 0.", labels=("node",)
        )
        for node, state in status.states.items():
            ready.add_metric((node,), float(state == "ready"))
        yield ready
