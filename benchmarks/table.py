"""The figures as a table for people, losses included."""

from __future__ import annotations

from typing import Any

TARGETS = {
    "decode": ">= 0.97",
    "throughput": ">= 0.97",
    "added": "<= 2 ms",
    "processor": "<= 0.1 ms",
    "rss": "<= 150 MB",
    "help": "<= 0.3 s",
    "cold": "<= 2 s",
}


def markdown_table(result: dict[str, Any]) -> str:
    """One row per figure, with the target and whether it is met."""
    machine, overhead = result["machine"], result["overhead"]
    rows = []
    for n_streams, figures in overhead["streams"].items():
        ours, bare = figures["tokens_per_s"].values()
        label = f"{n_streams} stream" + ("s" if n_streams != "1" else "")
        ratio = figures["tokens_per_s_ratio"]
        rows.append(
            (
                f"tokens/s through the API over bare, {label}",
                f"{ratio:.3f}",
                TARGETS["throughput"],
                ratio >= 0.97,
            )
        )
        if n_streams == "1":
            decode = figures["decode_ratio"]
            rows.append(("decode alone, 1 stream", f"{decode:.3f}", TARGETS["decode"], decode >= 0.97))
            added_s = figures["added_first_token_s"]
            rows.append(
                (
                    "added to the first token, p50",
                    f"{1e3 * added_s:.1f} ms",
                    TARGETS["added"],
                    added_s <= 2e-3,
                )
            )
        rows.append((f"tokens/s here, {label}", f"{ours:,.0f} ours, {bare:,.0f} bare", "", None))
        processor_s = figures["api_processor_s_per_token"]
        rows.append(
            (
                f"API processor time per token, {label}",
                f"{1e3 * processor_s:.2f} ms",
                TARGETS["processor"],
                processor_s <= 1e-4,
            )
        )
    rss_bytes = overhead["api_rss_bytes"]["idle"]
    rows.append(("API process, idle", f"{rss_bytes / 1e6:.0f} MB", TARGETS["rss"], rss_bytes <= 150e6))
    rows.append(
        ("`galerne --help`", f"{overhead['help_s']:.2f} s", TARGETS["help"], overhead["help_s"] <= 0.3)
    )
    cold_s = overhead["cold_first_token_s"]
    rows.append(("cold `galerne run` to the first token", f"{cold_s:.2f} s", TARGETS["cold"], cold_s <= 2.0))
    lines = [
        f"Measured {result['date']} on {machine['n_cores']} cores ({machine['processor']}), "
        f"{machine['engine']}, Python {machine['python']}, load {machine['load_1_min']} before. "
        f"{result['note']}".strip(),
        "",
        "| figure | measured | target | |",
        "|---|---:|---:|---|",
    ]
    for name, value, target, met in rows:
        verdict = "" if met is None else ("met" if met else "**missed**")
        lines.append(f"| {name} | {value} | {target} | {verdict} |")
    return "\n".join(lines)
