"""The figures as tables for people, losses included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from benchmarks.bench_gateway import QUIET_PER_S

Row: TypeAlias = tuple[str, str, str, bool | None]
"""Figure, measured, target, met; None where there is no target."""

Table: TypeAlias = tuple[str, Iterable[Row]]
"""Its heading, and its rows."""


def markdown_tables(records: Iterable[dict[str, Any]]) -> str:
    """Every table, each under the fingerprint of the machine and the day that it was measured on."""
    return "\n\n".join(
        f"{title}\n\n{_measured_on(record)}\n\n{_table(rows)}"
        for record in records
        for title, rows in _TABLES[record["benchmark"]](record["figures"])
    )


def _measured_on(record: dict[str, Any]) -> str:
    machine = record["machine"]
    told = (
        f"Measured {record['date']} (commit: {machine['commit']}) on {machine['n_cores']} cores "
        f"({machine['processor']}), {machine['memory_bytes'] / 1e9:.0f} GB, {machine['os']}, "
        f"{machine['engine']}, Python {machine['python']}, "
        f"load {machine['load_1_min']} before. {record['note']}"
    )
    return told.strip()


def _table(rows: Iterable[Row]) -> str:
    lines = ["| figure | measured | target | |", "|---|---:|---:|---|"]
    for name, value, target, met in rows:
        verdict = "" if met is None else ("met" if met else "**missed**")
        lines.append(f"| {name} | {value} | {target} | {verdict} |")
    return "\n".join(lines)


def _overhead_rows(figures: dict[str, Any]) -> Iterable[Row]:
    if settings := figures.get("settings"):
        told = ", ".join(f"{name} {value}" for name, value in settings.items())
        yield "settings, ours and the bare engine's", told, "", None
    for n_streams, at in figures["streams"].items():
        label = f"{n_streams} stream" + ("s" if n_streams != "1" else "")
        for what in ("decode", "prefill"):
            bare, defaults = at[f"{what}_ratio"].values()
            yield f"{what}, {label}: ours over bare engine", f"{bare:.3f}", ">= 0.97", bare >= 0.97
            # The defaults write one answer at a time and let the others wait: what one of them meets while
            # it is written, or how soon it begins, is no comparison. All tokens in all the time is.
            if n_streams == "1":
                yield (
                    f"{what}, {label}: ours over llama-server's defaults",
                    f"{defaults:.2f}",
                    "> 1",
                    defaults > 1.0,
                )
        together = at["tokens_per_s_ratio"]["llama-server's defaults"]
        yield (
            f"all tokens a second, {label}: ours over the defaults",
            f"{together:.2f}",
            "> 1",
            together > 1.0,
        )
        spoken = ", ".join(f"{speed:,.0f} {name}" for name, speed in at["decode_tokens_per_s"].items())
        yield f"decode here, tokens/s, {label}", spoken, "", None
    processor_s = figures["api_processor_s_per_token"]
    yield "API processor time per token", f"{1e3 * processor_s:.2f} ms", "<= 0.1 ms", processor_s <= 1e-4
    yield "API processor time per answer", f"{1e3 * figures['api_processor_s_per_answer']:.1f} ms", "", None
    added_s = figures["streams"]["1"]["added_first_token_s"]
    # Less than nothing is what scatter leaves: nothing was found, which is not that nothing is added.
    said = f"{1e3 * added_s:.1f} ms" if added_s >= 0.0 else f"not found: {1e3 * added_s:.1f} ms is scatter"
    met = added_s <= 2e-3 if added_s >= 0.0 else None
    yield "added to the first token, p50", said, "<= 2 ms", met
    share = f"{figures['bandwidth_ratio']:.2f} of {figures['memory_bytes_per_s'] / 1e9:.1f} GB/s"
    yield "share of the memory's bandwidth, 1 stream", share, "", None


def _gateway_rows(gateway: dict[str, Any]) -> Iterable[Row]:
    yield "keys, quotas, ledger, meter", "all on; LiteLLM: a key, no database", "", None
    yield "upstream", "a mock that answers at once", "", None
    for kind, by_name in gateway["kinds"].items():
        mock, ours = by_name["mock"], by_name["galerne"]
        label = f"{kind}, {gateway['n_tokens']} tokens"
        for wanted_per_s, here, bare in zip(
            (QUIET_PER_S, gateway["per_s"]), ours["steady"], mock["steady"], strict=True
        ):
            p50_s, p99_s = here["p50_s"] - bare["p50_s"], here["p99_s"] - bare["p99_s"]
            rate = f"{here['rate']:.0f}/s"
            yield f"{label}: rate held", rate, f"{wanted_per_s:.0f}/s", here["rate"] >= wanted_per_s
            yield f"{label}: added p50 at {rate}", f"{1e3 * p50_s:.1f} ms", "<= 2 ms", p50_s <= 2e-3
            yield f"{label}: added p99 at {rate}", f"{1e3 * p99_s:.1f} ms", "<= 10 ms", p99_s <= 1e-2
        yield f"{label}: most answers a second", f"{ours['most_per_s']:.0f}", "", None
        yield (
            f"{label}: processor time per answer",
            f"{1e3 * ours['processor_s_per_answer']:.2f} ms",
            "",
            None,
        )
        if other := by_name.get("litellm"):
            ratio = ours["most_per_s"] / other["most_per_s"] if other["most_per_s"] else float("inf")
            yield f"{label}: answers a second over LiteLLM's", f"{ratio:.1f}", ">= 5", ratio >= 5.0
            quiet = other["steady"][0]
            told = f"{other['most_per_s']:.0f}/s, p50 {1e3 * quiet['p50_s']:.0f} ms at {quiet['rate']:.0f}/s"
            yield f"{label}: LiteLLM", told, "", None
        failed = sum(figures["n_failed"] for figures in by_name.values())
        yield f"{label}: failed", str(failed), "0", failed == 0
    if gateway["litellm_problem"]:
        yield "LiteLLM did not run", gateway["litellm_problem"], "", None


def _start_rows(start: dict[str, Any]) -> Iterable[Row]:
    yield "`galerne --help`", f"{start['help_s']:.2f} s", "<= 0.3 s", start["help_s"] <= 0.3
    cold_s = start["cold_first_token_s"]
    yield "cold `galerne run` to the first token", f"{cold_s:.2f} s", "<= 2 s", cold_s <= 2.0
    idle_bytes = start["api_idle_bytes"]
    yield "API process, idle", f"{idle_bytes / 1e6:.0f} MB", "<= 150 MB", idle_bytes <= 150e6


def _ledger_rows(ledger: dict[str, Any]) -> Iterable[Row]:
    for store, limit_s in (("sqlite", 5.0), ("postgresql", 2.0)):
        if store not in ledger:
            yield store, "not measured: no database named", "", None
            continue
        figures = ledger[store]
        for name in (name for name in figures if "month_" in name):
            words = name.removesuffix("_s").replace("_", " ").replace("cut month", "month of cut days")
            target = f"<= {limit_s:g} s at 10 million"
            yield f"{store}: {words}", f"{figures[name]:.2f} s", target, figures[name] <= limit_s
        yield f"{store}: everything since the first day", f"{figures['all_time_s']:.2f} s", "", None
        yield f"{store}: make the daily sums again", f"{figures['rebuilt_s']:.0f} s", "", None
        yield f"{store}: write 20 answers together", f"{1e3 * figures['group_of_20_s']:.0f} ms", "", None
        if "bytes" in figures:
            yield f"{store}: on disk", f"{figures['bytes'] / 1e9:.1f} GB", "", None


def _chat_rows(chat: dict[str, Any]) -> Iterable[Row]:
    size_bytes, n_requests = chat["first_load_bytes"], chat["first_load_requests"]
    yield "first load, compressed", f"{size_bytes / 1e3:.1f} kB", "<= 60 kB", size_bytes <= 60_000
    yield "first load, requests", f"{n_requests}", "<= 12", n_requests <= 12
    for key, name in (("open_first_s", "nothing drawn before"), ("open_s", "drawn before")):
        yield _waited(f"open {chat['n_long']:,} messages, {name}", chat[key], target_s=0.3)
    for query, taken in chat["search_s"].items():
        yield _waited(f"search “{query}”", taken, target_s=0.1)
    yield "erase one conversation, its words too", f"{chat['erase_s'] * 1e3:.0f} ms", "", None
    for n_streams, at in chat["streams"].items():
        name = f"{n_streams} stream" + ("s" if n_streams != "1" else "") + " at 30 tokens/s"
        share = f"{at['core_ratio'] * 100:.2f} % of a core each"
        yield name, share, "<= 1 %", at["core_ratio"] <= 0.01
        yield f"{name}, broken", f"{at['n_broken']:.0f}", "0", at["n_broken"] == 0


def _planner_rows(planner: dict[str, Any]) -> Iterable[Row]:
    n_levers = sum(len(levers) for levers in planner["levers"].values())
    yield "levers moved", f"{n_levers} of {len(planner['levers'])} plans", "", None
    for key, name in (("median_s", "median"), ("slowest_s", "slowest lever")):
        text = f"{planner[key] * 1e3:.0f} ms"
        yield f"from a lever to changed figures, {name}", text, "<= 200 ms", planner[key] <= 0.2
    worked_s, slowest_s = planner["processor_s"], planner["slowest_processor_s"]
    text = f"{worked_s * 1e3:.0f} ms, {slowest_s * 1e3:.0f} ms the slowest lever"
    yield "processor time of the daemon for a move", text, "", None
    yield "moves refused", str(planner["n_refused"]), "0", planner["n_refused"] == 0


def _waited(name: str, taken: dict[str, float], *, target_s: float) -> Row:
    said = f"{taken['median_s'] * 1e3:.0f} ms ({taken['processor_s'] * 1e3:.0f} ms of processor)"
    return name, said, f"<= {target_s * 1e3:.0f} ms", taken["median_s"] <= target_s


def _overhead_tables(figures: dict[str, Any]) -> Iterable[Table]:
    for model_id, of_model in figures.items():
        yield f"## Our API beside the engine: {model_id}", _overhead_rows(of_model)


def _gateway_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield "## As a gateway, beside LiteLLM's proxy", _gateway_rows(figures)


def _start_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield "## Start and memory", _start_rows(figures)


def _ledger_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield f"## Reports over {figures['n_answers']:,} answers", _ledger_rows(figures)


def _chat_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield f"## The page, over {figures['n_messages']:,} messages", _chat_rows(figures)


def _planner_tables(figures: dict[str, Any]) -> Iterable[Table]:
    yield "## The planner page, in a browser", _planner_rows(figures)


_TABLES: dict[str, Callable[[dict[str, Any]], Iterable[Table]]] = {
    "overhead": _overhead_tables,
    "gateway": _gateway_tables,
    "start": _start_tables,
    "ledger": _ledger_tables,
    "chat": _chat_tables,
    "planner": _planner_tables,
}
