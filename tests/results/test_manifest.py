import hashlib
from pathlib import Path

import pytest

from evalperf.results.disk import LocalDisk
from evalperf.results.manifest import Entry, Manifest, file_sha256, manifest_sha256, read_manifest
from tests.results.helpers import FaultyDisk


def entry(number: int, *, rows: int = 1) -> Entry:
    return Entry(part=f"results/part-{number:05d}.jsonl.gz", rows=rows, size_bytes=number, sha256="0" * 64)


def test_the_last_entry_of_a_part_counts_at_once_and_later(tmp_path: Path) -> None:
    manifest = Manifest(LocalDisk(), tmp_path / "manifest.jsonl")
    for added in (entry(1, rows=5), entry(2), entry(1, rows=4)):
        manifest.add(added)
    wanted = {added.part: added for added in (entry(1, rows=4), entry(2))}
    assert manifest.entries == wanted
    assert read_manifest(LocalDisk(), tmp_path / "manifest.jsonl") == (wanted, 0)


@pytest.mark.parametrize("faults", [{"write": {2}}, {"datasync": {2}}])
def test_an_entry_that_can_not_be_written_leaves_the_file_as_it_was(
    tmp_path: Path, faults: dict[str, set[int]]
) -> None:
    path = tmp_path / "manifest.jsonl"
    Manifest(LocalDisk(), path).add(entry(1))
    before = path.read_bytes()
    disk = FaultyDisk(faults)
    disk.short_writes = True
    manifest = Manifest(disk, path)
    with pytest.raises(OSError, match="Input/output error"):
        manifest.add(entry(2))
    assert path.read_bytes() == before
    assert list(manifest.entries) == [entry(1).part]
    assert not disk.opened


def test_its_name_is_brought_to_the_disk_once(tmp_path: Path) -> None:
    disk = FaultyDisk()
    manifest = Manifest(disk, tmp_path / "manifest.jsonl")
    for number in (1, 2):
        manifest.add(entry(number))
    assert (disk.calls["datasync"], disk.calls["sync_folder"]) == (2, 1)


def test_damaged_lines_are_counted_and_a_torn_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    manifest = Manifest(LocalDisk(), path)
    for number in (1, 2, 3, 4):
        manifest.add(entry(number))
    first, second, third, fourth = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first.replace(b'"rows":1', b'"rows":7') + b"\xff\n" + second + third + fourth[:-5])
    found, damaged = read_manifest(LocalDisk(), path)
    assert (list(found), damaged) == ([entry(2).part, entry(3).part], 2)
    assert Manifest(LocalDisk(), path).damaged_lines == 2
    assert path.read_bytes() == second + third


def test_a_line_with_a_sound_checksum_that_is_no_entry_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b"00000000 \n")  # the checksum of nothing
    assert read_manifest(LocalDisk(), path) == ({}, 1)


def test_a_manifest_that_is_not_there_has_the_digest_of_nothing(tmp_path: Path) -> None:
    assert manifest_sha256(LocalDisk(), tmp_path / "manifest.jsonl") == hashlib.sha256(b"").hexdigest()


def test_a_file_is_digested_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalperf.results.manifest.BLOCK_BYTES", 2)
    (tmp_path / "file").write_bytes(b"abc")
    disk = FaultyDisk()
    assert file_sha256(disk, tmp_path / "file") == (
        3,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
    assert not disk.opened
