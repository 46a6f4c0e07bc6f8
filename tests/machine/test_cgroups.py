import pytest

from galerne.machine import cgroups


class Tree:
    def __init__(self, root):
        self.root = root
        (root / "proc/self").mkdir(parents=True)

    def member(self, *lines):
        (self.root / "proc/self/cgroup").write_text("\n".join(lines) + "\n")
        return self

    def write(self, path, text):
        file = self.root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
        return self


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def limits(tree):
    return [group.limit_bytes for group in cgroups.memory_groups(tree.root)]


def test_the_tightest_limit_above_counts(tree):
    tree.member("0::/team/job").write("team/memory.max", 4000).write("team/job/memory.max", "max")
    tree.write("team/cpu.max", "200000 100000").write("team/job/cpu.max", "max 100000")
    assert limits(tree) == [4000]
    assert cgroups.n_quota_cores(tree.root) == 2.0


def test_version_1_with_controllers_mounted_together(tree):
    tree.member("5:cpu,cpuacct:/job", "4:memory:/job", "0::/")
    tree.write("cpu/job/cpu.cfs_quota_us", 50000).write("cpu/job/cpu.cfs_period_us", 100000)
    tree.write("memory/job/memory.limit_in_bytes", 9000)
    tree.write("memory/job/memory.usage_in_bytes", 5000)
    tree.write("memory/job/memory.stat", "active_file 1\ntotal_active_file 500\ntotal_inactive_file 1500")
    assert cgroups.n_quota_cores(tree.root) == 0.5
    assert cgroups.memory_groups(tree.root) == [cgroups.MemoryGroup(limit_bytes=9000, used_bytes=3000)]


def test_a_path_outside_the_mount_falls_back_on_the_mount_itself(tree):
    tree.member("4:memory:/docker/0123abcd").write("memory/memory.limit_in_bytes", 7000)
    assert limits(tree) == [7000]
    tree.member("4:memory:/../../elsewhere")
    assert limits(tree) == [7000]


def test_no_quota_and_no_limit(tree):
    tree.member("1:cpu:/", "0::/").write("cpu/cpu.cfs_quota_us", -1).write("memory.max", "max")
    assert cgroups.n_quota_cores(tree.root) is None
    assert limits(tree) == []


def test_no_control_groups_at_all(tmp_path):
    assert cgroups.n_quota_cores(tmp_path) is None
    assert cgroups.memory_groups(tmp_path) == []


def test_damaged_files_are_no_limit(tree):
    tree.member("nonsense", "0::/").write("memory.max", "many bytes").write("cpu.max", "")
    assert limits(tree) == []
    assert cgroups.n_quota_cores(tree.root) is None
