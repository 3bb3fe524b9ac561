"""What a machine allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.tuning import Machine, read_machine, recommend

GIB = 1 << 30


def machine(**changes) -> Machine:
    usual = Machine(
        cpus=16,
        affinity_cpus=16,
        cgroup_cpus=None,
        physical_cores=8,
        memory_total_bytes=32 * GIB,
        memory_available_bytes=24 * GIB,
        cgroup_memory_bytes=None,
        cgroup_memory_free_bytes=None,
        nofile_soft=1024,
        nofile_hard=1 << 20,
        cpu_pressure=None,
    )
    return msgspec.structs.replace(usual, **changes)


@pytest.mark.parametrize(
    ("cores", "memory_gib", "workers"), [(8, 32, 4), (64, 512, 16), (2, 23, 1), (1, 2, 1), (16, 8, 2)]
)
def test_in_process_workers_follow_cores_and_memory(cores, memory_gib, workers):
    here = machine(cpus=cores, affinity_cpus=cores, physical_cores=cores, memory_total_bytes=memory_gib * GIB)
    assert recommend(here).in_process == workers


def test_a_quota_of_one_and_a_half_cpus_is_two():
    here = machine(cpus=8, affinity_cpus=8, cgroup_cpus=1.5)
    assert here.usable_cpus == 2
    assert recommend(here).endpoint == 64


def test_a_quota_below_one_cpu_is_one():
    assert machine(cgroup_cpus=0.1).usable_cpus == 1


def test_affinity_bounds_cpus_and_cores():
    here = machine(affinity_cpus=3)
    assert (here.usable_cpus, here.usable_cores) == (3, 3)


def test_the_cgroup_s_memory_counts_where_it_is_less():
    here = machine(cgroup_memory_bytes=2 * GIB, cgroup_memory_free_bytes=GIB)
    assert (here.usable_memory_bytes, here.free_memory_bytes) == (2 * GIB, GIB)


@pytest.mark.parametrize(
    ("changes", "options", "workers", "binding"),
    [
        ({}, {}, 512, "cpu"),
        ({"affinity_cpus": 2}, {}, 64, "cpu"),
        ({}, {"max_workers": 100}, 100, "max_workers"),
        ({"nofile_soft": 256}, {}, 128, "fd"),
        ({"nofile_soft": 64}, {}, 1, "fd"),
        ({"memory_available_bytes": 64 << 20}, {}, 64, "memory"),
        ({}, {"bytes_per_worker": 64 << 20}, 307, "memory"),
        ({}, {"memory_bytes": 10 << 20}, 40, "memory"),
        ({}, {"memory_bytes": 1 << 30, "bytes_per_worker": 64 << 20}, 16, "memory"),
        ({"nofile_soft": 192}, {"min_workers": 80}, 80, "min_workers"),
        ({"nofile_soft": None}, {"max_workers": 1000}, 512, "cpu"),
    ],
)
def test_the_tightest_bound_decides_for_an_endpoint(changes, options, workers, binding):
    found = recommend(machine(**changes), **options)
    assert (found.endpoint, found.endpoint_binding.name) == (workers, binding)


def test_every_bound_has_a_sentence():
    found = recommend(machine())
    assert {bound.name for bound in found.endpoint_bounds} == {"cpu", "memory", "fd", "max_workers"}
    assert all(bound.why for bound in (*found.endpoint_bounds, *found.in_process_bounds))


@given(
    cpus=st.integers(1, 256),
    quota=st.none() | st.floats(0.01, 256),
    free=st.integers(0, 1 << 40),
    soft=st.none() | st.integers(0, 1 << 20),
    most=st.integers(1, 100_000),
)
def test_there_is_always_a_worker_and_never_more_than_allowed(cpus, quota, free, soft, most):
    here = machine(affinity_cpus=cpus, cgroup_cpus=quota, memory_available_bytes=free, nofile_soft=soft)
    found = recommend(here, max_workers=most)
    assert 1 <= found.in_process <= 16
    assert 1 <= found.endpoint <= most
    assert all(found.endpoint <= bound.workers for bound in found.endpoint_bounds)


def test_this_machine_can_be_read():
    here = read_machine()
    assert 1 <= here.usable_cores <= here.usable_cpus <= here.affinity_cpus <= here.cpus
    assert 0 < here.free_memory_bytes <= here.memory_total_bytes


def test_cpu_pressure_is_a_share(tmp_path: Path):
    (tmp_path / "proc/pressure").mkdir(parents=True)
    (tmp_path / "proc/pressure/cpu").write_text(
        "some avg10=73.50 avg60=1.00 avg300=0.20 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    )
    assert read_machine(tmp_path).cpu_pressure == pytest.approx(0.735)


def test_a_system_without_proc_has_no_limits_and_no_pressure(tmp_path: Path):
    here = read_machine(tmp_path)
    assert (here.cgroup_cpus, here.cgroup_memory_bytes, here.cpu_pressure) == (None, None, None)


def test_the_peak_of_memory_is_this_process_s_own() -> None:
    """`getrusage` of a child begins with what its parent held."""
    program = "from evalperf.tuning import peak_rss_bytes; print(peak_rss_bytes())"
    held = bytearray(300 * 2**20)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert 0 < int(done.stdout) < len(held) / 2
