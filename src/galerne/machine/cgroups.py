"""What a container may use: processor quota and memory of its control groups, versions 1 and 2.

A limit of any group above ours holds for us too, so the tightest one counts. In a container the path that
the kernel names may lie outside what is mounted: then the mount's own root is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryGroup:
    """A control group's memory.

    Attributes:
        limit_bytes: most that the group may hold.
        used_bytes: what it holds and cannot drop; file cache does not count.
    """

    limit_bytes: int
    used_bytes: int


def n_quota_cores(root: Path) -> float | None:
    """Cores' worth of processor time that the groups allow; ``None`` without a quota."""
    quotas: list[float] = []
    for folder in _folders(root, "cpu"):
        limit, period = _read_words(folder / "cpu.max", 2) or (
            *(_read_words(folder / "cpu.cfs_quota_us", 1) or ("max",)),
            *(_read_words(folder / "cpu.cfs_period_us", 1) or ("100000",)),
        )
        if _is_limit(limit):
            quotas.append(int(limit) / int(period))
    return min(quotas, default=None)


def memory_groups(root: Path) -> list[MemoryGroup]:
    """Every group with a memory limit that holds for this process."""
    groups: list[MemoryGroup] = []
    for folder in _folders(root, "memory"):
        (limit,) = (
            _read_words(folder / "memory.max", 1)
            or _read_words(folder / "memory.limit_in_bytes", 1)
            or ("max",)
        )
        if not _is_limit(limit):
            continue
        (used,) = (
            _read_words(folder / "memory.current", 1)
            or _read_words(folder / "memory.usage_in_bytes", 1)
            or ("0",)
        )
        used_bytes = max(0, int(used) - _file_cache_bytes(folder / "memory.stat"))
        groups.append(MemoryGroup(limit_bytes=int(limit), used_bytes=used_bytes))
    return groups


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders of our group and of those above it, for one controller."""
    for mount, path in _memberships(root, controller):
        if not mount.is_dir():
            continue
        folder = mount.joinpath(*Path(path).parts[1:])
        chain = [folder, *folder.parents]
        yield from chain[: chain.index(mount) + 1]


def _memberships(root: Path, controller: str) -> Iterator[tuple[Path, str]]:
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, membership = line.partition(":")
        controllers, found, path = membership.partition(":")
        if not found:
            continue
        if ".." in Path(path).parts:
            path = "/"  # moved out of our sight: the mount shows what holds for us
        if not controllers:
            yield root / MOUNT, path
            yield root / MOUNT / "unified", path
        elif controller in controllers.split(","):
            yield root / MOUNT / controller, path


def _is_limit(text: str) -> bool:
    return text.isdigit() and int(text) > 0


def _read_words(path: Path, n_words: int) -> tuple[str, ...] | None:
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return tuple(words) if len(words) == n_words else None


def _file_cache_bytes(path: Path) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    stat = dict(line.split(maxsplit=1) for line in lines if " " in line)
    prefix = "total_" if "total_inactive_file" in stat else ""
    return sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
