"""Wet bulb from dry bulb and humidity."""

from __future__ import annotations

import numpy as np

from galerne.site.building.climate import Hours


def wet_bulb_stull2011_c(dry_bulb_c: Hours, humidity_ratio: Hours) -> Hours:
    """Wet bulb by Stull's fit.

        T_w = T·atan(0.151977·√(h + 8.313659)) + atan(T + h) − atan(h − 1.676331)
              + 0.00391838·h^1.5·atan(0.023101·h) − 4.686035,   h in percent

    Valid for: 5 to 99 % humidity, −20 to 50 °C, near sea level; within 0.65 K.
    Sources: stull-2011
    """
    h = 100.0 * np.clip(humidity_ratio, 0.05, 0.99)
    return np.asarray(
        dry_bulb_c * np.arctan(0.151977 * np.sqrt(h + 8.313659))
        + np.arctan(dry_bulb_c + h)
        - np.arctan(h - 1.676331)
        + 0.00391838 * h**1.5 * np.arctan(0.023101 * h)
        - 4.686035
    )
