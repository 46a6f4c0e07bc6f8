"""What a plan was made with, so that somebody else can make it again."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from galerne import __version__
from galerne.site.plan import SitePlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What to have at hand to compute a plan again.

    Attributes:
        commit: of the sources; empty where the package does not know it.
        scenario_fingerprint: first digits of the SHA-256 of the scenario's text.
        facts_fingerprint: first digits of the SHA-256 of all rows of the catalogue that the plan rests on.
    """

    galerne: str
    commit: str
    python: str
    numpy: str
    scenario_fingerprint: str
    facts_fingerprint: str
    seed: int
    n_samples: int


def trace_plan(plan: SitePlan) -> Provenance:
    """The provenance of a plan."""
    rows = (
        plan.system, plan.accelerator, plan.model, plan.weight_format, plan.place, plan.zone,
        plan.cooling_plant, *plan.power_stages, *plan.facts, plan.capacity.plan.calibration,
    )  # fmt: skip
    return Provenance(
        galerne=__version__,
        commit=_commit(),
        python=platform.python_version(),
        numpy=np.__version__,
        scenario_fingerprint=plan.scenario.fingerprint,
        facts_fingerprint=hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()[:16],
        seed=plan.scenario.sampling.seed,
        n_samples=plan.scenario.sampling.n_samples,
    )


def _commit() -> str:
    """The commit that was installed, or that the sources are at."""
    try:
        origin = metadata.distribution("galerne").read_text("direct_url.json")
        if origin and (commit := json.loads(origin).get("vcs_info", {}).get("commit_id")):
            return str(commit)[:12]
    except (metadata.PackageNotFoundError, ValueError):
        pass
    return _checked_out(Path(__file__).parents[3] / ".git")


def _checked_out(git: Path) -> str:
    """The commit of a checkout, read from its files; empty where it is none."""
    try:
        if git.is_file():  # one of several working trees
            git = Path(git.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head[:12]
        shared = git / "commondir"
        root = git / shared.read_text(encoding="utf-8").strip() if shared.is_file() else git
        reference = head.removeprefix("ref:").strip()
        if (root / reference).is_file():
            return (root / reference).read_text(encoding="utf-8").strip()[:12]
        packed = (root / "packed-refs").read_text(encoding="utf-8").splitlines()
        return next((line[:12] for line in packed if line.endswith(f" {reference}")), "")
    except OSError:
        return ""
