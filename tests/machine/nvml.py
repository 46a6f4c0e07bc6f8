"""NVIDIA's library as far as our meter asks it, with a device that a test drives."""

from __future__ import annotations

from types import SimpleNamespace


class PlayedNvml:
    """One device whose counter, power and failures a test sets."""

    NVML_FI_DEV_POWER_INSTANT = 186

    class NVMLError(Exception):
        pass

    def __init__(self, *, energy_j: float | None = 5e6, power_w: float | None = None, n_devices: int = 1):
        self.energy_j = energy_j
        self.power_w = power_w
        self.n_devices = n_devices
        self.lost = False

    def nvmlDeviceGetCount(self):  # noqa: N802
        return self.n_devices

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetPowerManagementLimit(self, handle):  # noqa: N802
        return 700_000

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):  # noqa: N802
        self._answer(self.energy_j)
        return round(self.energy_j * 1000)

    def nvmlDeviceGetFieldValues(self, handle, fields):  # noqa: N802
        assert fields == [self.NVML_FI_DEV_POWER_INSTANT]
        self._answer(self.power_w)
        return [SimpleNamespace(nvmlReturn=0, value=SimpleNamespace(uiVal=round(self.power_w * 1000)))]

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        self._answer(self.power_w)
        return round(self.power_w * 1000)

    def _answer(self, value):
        if self.lost:
            raise self.NVMLError("GPU is lost")
        if value is None:
            raise self.NVMLError("Not Supported")
