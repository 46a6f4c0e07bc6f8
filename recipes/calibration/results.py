"""What a calibration found, for its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Results:
    """Everything the report prints: predictions by scheme, beside the measurements."""

    runs: pd.DataFrame
    measured_s: np.ndarray
    schemes: dict[str, np.ndarray]
    n_duplicates: int
    apart: dict[str, tuple[np.ndarray, np.ndarray]]
    coverage: dict[str, dict[str, float]]
    intervals: dict[str, tuple[np.ndarray, np.ndarray]]
    energy: pd.DataFrame
    energy_schemes: dict[str, np.ndarray]
    rows: dict[str, dict[str, Any]]
    llama_cpp: pd.DataFrame
