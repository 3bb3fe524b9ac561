"""Limits of control groups, read from copies of the kernel's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalperf.tuning.cgroups import CgroupLimits, read_cgroups

CG = "sys/fs/cgroup"
NONE = CgroupLimits(None, None, None)


@pytest.mark.parametrize(
    ("files", "cpus", "memory_bytes"),
    [
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{CG}/cpu.max": "150000 100000\n", f"{CG}/memory.max": "2147483648\n"},
            1.5,
            2 << 30,
            id="v2, a container",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                f"{CG}/a/cpu.max": "200000 100000",
                f"{CG}/a/b/cpu.max": "400000 100000",
                f"{CG}/a/b/memory.max": "max",
                f"{CG}/a/memory.max": "1073741824",
            },
            2.0,
            1 << 30,
            id="v2, the parent is tighter",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/a\n", f"{CG}/a/cpu.max": "max 100000", f"{CG}/a/memory.max": "max"},
            None,
            None,
            id="v2, no limits",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/x\n1:cpu,cpuacct:/x\n",
                f"{CG}/cpu/x/cpu.cfs_quota_us": "50000",
                f"{CG}/cpu/x/cpu.cfs_period_us": "100000",
                f"{CG}/memory/x/memory.limit_in_bytes": "536870912",
            },
            0.5,
            512 << 20,
            id="v1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/\n2:memory:/\n",
                f"{CG}/cpu/cpu.cfs_quota_us": "-1",
                f"{CG}/cpu/cpu.cfs_period_us": "100000",
                f"{CG}/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            None,
            None,
            id="v1, no limits",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu,cpuacct:/docker/3fa9\n",
                f"{CG}/cpu,cpuacct/cpu.cfs_quota_us": "300000",
                f"{CG}/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            3.0,
            None,
            id="v1, seen from inside the container",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/x\n0::/y\n",
                f"{CG}/cpu/x/cpu.cfs_quota_us": "200000",
                f"{CG}/cpu/x/cpu.cfs_period_us": "100000",
                f"{CG}/unified/y/memory.max": "1048576",
            },
            2.0,
            1 << 20,
            id="both versions at once",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/../outside\n",
                f"{CG}/cpu.max": "100000 100000",
                "sys/fs/outside/cpu.max": "1 1000",
            },
            1.0,
            None,
            id="a group outside of the namespace",
        ),
        pytest.param(
            {"proc/self/cgroup": "nonsense\n0::\n", f"{CG}/cpu.max": "fast please"}, None, None, id="nonsense"
        ),
    ],
)
def test_limits(tmp_path, files, cpus, memory_bytes):
    found = read_cgroups(_root(tmp_path, files))
    assert (found.cpus, found.memory_bytes) == (cpus, memory_bytes)


def test_no_files_no_limits(tmp_path):
    assert read_cgroups(tmp_path) == NONE


@pytest.mark.parametrize(
    ("group", "limit", "used", "cache"),
    [
        ("0::/a", "memory.max", "memory.current", "inactive_file"),
        ("4:memory:/a", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_file_cache_counts_as_free(tmp_path, group, limit, used, cache):
    where = f"{CG}/a" if group.startswith("0") else f"{CG}/memory/a"
    files = {
        "proc/self/cgroup": group,
        f"{where}/{limit}": "1000000",
        f"{where}/{used}": "900000",
        f"{where}/memory.stat": f"anon 5\n{cache} 300000\n",
    }
    assert read_cgroups(_root(tmp_path, files)).memory_free_bytes == 400_000


def test_the_least_room_counts_even_where_the_limit_is_larger(tmp_path):
    """A full parent leaves a child nothing, whatever the child's own limit."""
    files = {
        "proc/self/cgroup": "0::/a/b",
        f"{CG}/a/memory.max": "1000",
        f"{CG}/a/memory.current": "990",
        f"{CG}/a/b/memory.max": "500",
        f"{CG}/a/b/memory.current": "100",
    }
    found = read_cgroups(_root(tmp_path, files))
    assert (found.memory_bytes, found.memory_free_bytes) == (500, 10)


def _root(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
