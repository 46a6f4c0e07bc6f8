"""The machines of tests/fixtures, and a powercap tree that a test can drive."""

from pathlib import Path

MACHINES = Path(__file__).parents[1] / "fixtures" / "machines"
VM = MACHINES / "vm-epyc-2-cores"
CONTAINER = MACHINES / "container-2-gib"
LAPTOP = MACHINES / "laptop-core-i7-1260p"
BOARD = MACHINES / "raspberry-pi-5"
NODE = MACHINES / "node-8x-h200"
MAC = MACHINES / "mac-m4-pro"

RANGE_J = 262_143.32885


class FakePowercap:
    """Linux's powercap tree under a root, laid out as in sysfs: links beside each other, folders nested."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root / "sys/devices/virtual/powercap/intel-rapl"
        self._links = root / "sys/class/powercap"
        self._links.mkdir(parents=True)
        self._folders: dict[str, Path] = {}

    def add(
        self, zone: str, name: str, *, raw_j: float = 1000.0, range_j: float = RANGE_J, prefix="intel-rapl"
    ):
        """Add a zone such as ``0`` or, within it, ``0:1``."""
        parent = self._folders.get(zone.rpartition(":")[0], self._real)
        folder = parent / f"{prefix}:{zone}"
        folder.mkdir(parents=True)
        (self._links / folder.name).symlink_to(folder)
        (folder / "name").write_text(name + "\n")
        (folder / "max_energy_range_uj").write_text(f"{round(range_j * 1e6)}\n")
        if prefix == "intel-rapl":
            self._folders[zone] = folder
        (folder / "energy_uj").write_text(f"{round(raw_j * 1e6)}\n")
        return self

    def set_raw(self, zone: str, raw_j: float) -> None:
        (self._folders[zone] / "energy_uj").write_text(f"{round(raw_j * 1e6)}\n")

    def hide(self, zone: str) -> None:
        """Make a counter unreadable, for the administrator too."""
        path = self._folders[zone] / "energy_uj"
        path.unlink()
        path.mkdir()

    def show(self, zone: str, raw_j: float) -> None:
        (self._folders[zone] / "energy_uj").rmdir()
        self.set_raw(zone, raw_j)
