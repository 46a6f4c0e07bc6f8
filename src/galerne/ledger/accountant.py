"""Follows answers in flight and the meter, and writes what each answer cost."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from galerne.clock import Clock
from galerne.ledger.events import Events
from galerne.ledger.ids import sortable_id
from galerne.ledger.impact import Tokens, impact_of
from galerne.ledger.limits import Unit, amounts_of
from galerne.ledger.metering import Metering
from galerne.ledger.receipt import Receipt, energy_split, receipt_of
from galerne.ledger.records import AccountEntry, Accounts, Answer, AnswerFacts, Factors, PriceFactors
from galerne.ledger.recovery import recover_all
from galerne.ledger.store import Ledger
from galerne.ledger.windows import Flight, OpenWindows, SettledWindow, WindowEnergy
from galerne.ledger.writer import LedgerWriter
from galerne.machine.meter import METHODS, IdlePower, IdleTracker, Meter, ProcessorTime
from galerne.perf import StepWeights
from galerne.units import from_microjoules, to_microjoules

ENTRY_S = 60.0
"""A quiet stretch is written as one account entry of this length; a final settlement writes at once."""

N_RECENT = 60
SHOWN_S = 0.5
"""Shortest stretch whose mean power is shown."""


class Accountant:
    """What every answer of one node costs, adding up to its meter to the microjoule.

    Safe to call from any thread; no call waits for the disk, but ``finish`` gives a promise that does.
    ``close_window`` is to be called about every second, and by whoever wants a final receipt sooner.

    Args:
        node_id: whose meter this is.
        meter: read here and nowhere else.
        idle: what the machine draws at rest, after the catalogue or measured.
        clock: time.
        ledger: where events go. What a crash left open there is settled first.
        factors: gives the factors to freeze with an answer that ends now.
        processor: processor time of the computer and of the engines, to tell what other programs caused.
        accelerators: accelerator time, likewise.
        prices: what the operator asks for a model, by its id.

    Raises:
        StoreUnreachable: the ledger does not answer.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each part
        self,
        *,
        node_id: str,
        meter: Meter,
        idle: IdleTracker,
        clock: Clock,
        ledger: Ledger,
        factors: Callable[[], Factors],
        processor: Callable[[], ProcessorTime] | None = None,
        accelerators: Callable[[], ProcessorTime] | None = None,
        prices: Callable[[str], PriceFactors | None] = lambda _: None,
    ) -> None:
        recover_all(ledger, node_id, at=clock.now_at())
        ledger.quotas.recover(node_id, at=clock.now_at())
        self._node_id = node_id
        self._clock = clock
        self._factors = factors
        self._prices = prices
        self._lock = threading.RLock()
        self._writer = LedgerWriter(ledger, writer_id=node_id)
        self._n_loading = 0
        self._metering = Metering(
            meter, idle=idle, clock=clock, processor=processor, accelerators=accelerators
        )
        self._idle = idle
        self._windows = OpenWindows(now_s=self._metering.opened_s)
        self._totals = self._accelerator_totals = Accounts()
        self._unwritten: list[SettledWindow] = []
        self._watchers: list[Callable[[Receipt], None]] = []
        self._shown_uj, self._shown_s = 0, 0.0
        self._recent_w: deque[float] = deque(maxlen=N_RECENT)

    @property
    def node_id(self) -> str:
        """Whose accounts these are."""
        return self._node_id

    def foresee(
        self,
        model_id: str,
        *,
        prompt_tokens: int,
        new_tokens: int,
        most_tokens: int,
        it_j: float,
        device_s: float,
    ) -> dict[Unit, int | None]:
        """What an answer of this size would count for against limits, with the factors of now.

        Args:
            model_id: whose price it is.
            prompt_tokens: most of the prompt, none of them cached.
            new_tokens: most of the answer.
            most_tokens: of both together; the dearer ones are taken first.
            it_j: its energy, with its share of idle.
            device_s: machine time.
        """
        total_uj = to_microjoules(it_j)
        factors = self._priced(model_id)
        written_first = factors.price is None or (
            factors.price.output_eur_per_token >= factors.price.input_eur_per_token
        )
        n_new = min(new_tokens, most_tokens if written_first else most_tokens - prompt_tokens)
        tokens = Tokens(prompt_tokens=min(prompt_tokens, most_tokens - n_new), new_tokens=n_new)
        impact = impact_of(energy_split(total_uj), device_s=device_s, factors=factors, tokens=tokens)
        return amounts_of(tokens=tokens.prompt_tokens + tokens.new_tokens, total_uj=total_uj, impact=impact)

    def begin(self, request_id: str, model_id: str, weights: StepWeights) -> str:
        """Work on a request begins.

        Args:
            request_id: not in flight yet.
            model_id: sequences of one model step together.
            weights: cost of a step, for the model on this machine.

        Returns:
            The id that the receipt will have.
        """
        with self._lock:
            if self._windows.is_in_flight(request_id):
                raise ValueError(f"the request {request_id} has begun already")
            now_at, now_s = self._clock.now_at(), self._clock.monotonic_s()
            flight = Flight(
                answer_id=sortable_id("rcpt", now_at),
                request_id=request_id,
                model_id=model_id,
                weights=weights,
                began_at=now_at,
                began_s=now_s,
            )
            self._windows.begin(flight, now_s=now_s)
            return flight.answer_id

    def is_in_flight(self, request_id: str) -> bool:
        """Whether work on a request has begun and has not ended."""
        with self._lock:
            return self._windows.is_in_flight(request_id)

    def prompt_read(self, request_id: str, *, prompt_tokens: int, cached_tokens: int) -> None:
        """The prompt of a request has been read; cached tokens cost nothing."""
        with self._lock:
            self._windows.read_prompt(
                request_id,
                prompt_tokens=prompt_tokens,
                cached_tokens=cached_tokens,
                now_s=self._clock.monotonic_s(),
            )

    def tokens(self, request_id: str, *, n_tokens: int = 1) -> None:
        """Tokens of a request came out."""
        with self._lock:
            self._windows.generate(request_id, n_tokens=n_tokens)

    def finish(self, facts: AnswerFacts) -> Future[Receipt]:
        """A request has ended, whether complete, cancelled or failed: it keeps its energy.

        Returns:
            The provisional receipt, once it is durable; ``asyncio.wrap_future`` makes it awaitable. It fails
            with ``StoreUnreachable`` where the ledger cannot be written; the event is then kept and tried
            again.
        """
        with self._lock:
            now_at, now_s = self._clock.now_at(), self._clock.monotonic_s()
            flight = self._windows.end(facts.request_id, facts.usage, now_s=now_s)
            settlement = self._windows.expect(flight, self._metering.peek(), at=now_at)
            answer = Answer(
                answer_id=flight.answer_id,
                request_id=facts.request_id,
                key_id=facts.key_id,
                node_id=self._node_id,
                model_id=flight.model_id,
                usage=facts.usage,
                finish_reason=facts.finish_reason,
                at=now_at,
                factors=self._priced(flight.model_id),
            )
            events = Events(answers=[answer], settlements=[settlement])
            promise = self._writer.submit(events, receipt_of(answer, settlement))
        for watch in self._watchers:
            promise.add_done_callback(partial(_tell, watch))
        return promise

    def tell(self, watch: Callable[[Receipt], None]) -> None:
        """Tell of every answer that ends from now on, once it is durable; from the ledger's own thread."""
        self._watchers.append(watch)

    def _priced(self, model_id: str) -> Factors:
        factors, price = self._factors(), self._prices(model_id)
        return factors if price is None else dataclasses.replace(factors, price=price)

    def close_window(self) -> None:
        """Read the meter, share the window, write the receipts that this makes final."""
        with self._lock:
            self._turn_window()
            self._book(self._windows.settle())
        self._idle.remember()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """A model is loaded inside the block: energy above idle goes to the loading account.

        Answers that another model gives meanwhile keep their share of idle only.
        """
        self._count_loading(1)
        try:
            yield
        finally:
            self._count_loading(-1)

    def totals(self) -> Accounts:
        """Where the energy of every settled window since the start went."""
        with self._lock:
            return self._totals

    def accelerator_totals(self) -> Accounts:
        """Likewise of what the accelerators drew, as far as the meter tells."""
        with self._lock:
            return self._accelerator_totals

    def idle_power(self) -> IdlePower:
        """What is taken for the machine's power at rest."""
        return self._idle.power

    def recent_power_w(self) -> list[float]:
        """Mean power of the last windows, oldest first; at most 60."""
        with self._lock:
            return list(self._recent_w)

    def close(self) -> None:
        """Settle every window, write all of it and stop. Requests in flight stay open for the next start.

        Raises:
            StoreUnreachable: the last events could not be written.
        """
        with self._lock:
            self._turn_window()
            self._book(self._windows.settle(everything=True), now=True)
        self._writer.close()

    def _count_loading(self, change: int) -> None:
        with self._lock:
            self._n_loading += change
            self._turn_window()
            self._book(self._windows.settle())

    def _turn_window(self) -> None:
        """End the open window here and begin the next."""
        energy = self._metering.turn(quiet=self._windows.is_quiet)
        self._show_power(energy)
        self._windows.close(energy, now_s=self._metering.opened_s, loading=self._n_loading > 0)

    def _show_power(self, energy: WindowEnergy) -> None:
        """Keep the mean power, over windows long enough for the meter to have moved."""
        self._shown_uj += energy.meter_uj
        self._shown_s += energy.duration_s
        if self._shown_s >= SHOWN_S:
            self._recent_w.append(from_microjoules(self._shown_uj) / self._shown_s)
            self._shown_uj, self._shown_s = 0, 0.0

    def _book(self, settled: list[SettledWindow], *, now: bool = False) -> None:
        """Add settled windows to the account entry; write it with final settlements, or once it is long."""
        self._totals = sum((window.accounts for window in settled), self._totals)
        parts = (window.accelerator for window in settled if window.accelerator is not None)
        self._accelerator_totals = sum(parts, self._accelerator_totals)
        self._unwritten += settled
        finals = [final for window in self._unwritten for final in window.finals]
        if not self._unwritten or not (now or finals or self._unwritten_s() >= ENTRY_S):
            return
        entry = _entry_of(self._unwritten, node_id=self._node_id, open_uj=self._windows.open_uj)
        self._writer.submit(Events(settlements=finals, entries=[entry]), None)
        self._unwritten = []

    def _unwritten_s(self) -> float:
        return sum(window.energy.duration_s for window in self._unwritten)


def _tell(watch: Callable[[Receipt], None], promise: Future[Receipt]) -> None:
    if promise.exception() is None:
        watch(promise.result())


def _entry_of(windows: list[SettledWindow], *, node_id: str, open_uj: int) -> AccountEntry:
    """Windows one after the other, as one entry."""
    energies = [window.energy for window in windows]
    accounts = sum((window.accounts for window in windows), Accounts())
    return AccountEntry(
        entry_id=sortable_id("acct", energies[-1].ended_at),
        node_id=node_id,
        started_at=energies[0].started_at,
        ended_at=energies[-1].ended_at,
        **dataclasses.asdict(accounts),
        open_uj=open_uj,
        method=max((energy.method for energy in energies), key=METHODS.index),
        coverage_ratio=_mean_coverage_ratio(energies),
    )


def _mean_coverage_ratio(energies: list[WindowEnergy]) -> float:
    """Over time; a mark so short that it has no duration counts as its own ratio."""
    whole_s = sum(energy.duration_s for energy in energies)
    if whole_s <= 0:
        return min(energy.coverage_ratio for energy in energies)
    return min(1.0, sum(energy.coverage_ratio * energy.duration_s for energy in energies) / whole_s)
