"""manifest.jsonl: what each sealed part must be. A line is its own CRC-32 in hex, a blank, and JSON."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from evalperf.results.disk import BLOCK_BYTES, Disk, read_file, sync_file, write_all, write_file

__all__ = ["Entry", "Manifest", "file_sha256", "manifest_sha256", "read_manifest"]


MOST_BYTES = 8 << 20
"""40,000 parts, which are 2.5 TB."""
PART = r"\A(results|failures)/part-[0-9]{5,20}\.jsonl\.gz\Z"


class Entry(Struct, frozen=True, kw_only=True):
    """One sealed part."""

    part: Annotated[str, Meta(pattern=PART)]
    """Folder and name, as in results/part-00001.jsonl.gz."""
    rows: Annotated[int, Meta(ge=0, le=1 << 32)]
    size_bytes: Annotated[int, Meta(ge=0)]
    sha256: str


def read_manifest(disk: Disk, path: Path) -> tuple[dict[str, Entry], int]:
    """The last entry of each part, and the number of damaged lines; a torn last line counts as not written."""
    if not disk.exists(path):
        return {}, 0
    lines = read_file(disk, path, MOST_BYTES).split(b"\n")
    entries: dict[str, Entry] = {}
    damaged = 0
    for line in lines[:-1]:
        entry = _decode(line) if line else None
        if entry is None:
            damaged += 1
        else:
            entries[entry.part] = entry
    return entries, damaged


class Manifest:
    """The open manifest of a run that is worked on."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self.entries, self.damaged_lines = read_manifest(disk, path)
        if disk.exists(path):
            if self._needs_rewrite():
                write_file(disk, path, b"".join(map(_encode, self.entries.values())))
            else:  # a killed process may have written the last entry and not have brought it to the disk
                sync_file(disk, path)

    def add(self, entry: Entry) -> None:
        """The entry is on disk when this returns; raises OSError and leaves the file as it was."""
        created = not self._disk.exists(self._path)
        fd = self._disk.open_append(self._path)
        try:
            size = self._disk.size(fd)
            try:
                write_all(self._disk, fd, _encode(entry))
                self._disk.datasync(fd)
            except OSError:
                self._disk.truncate(fd, size)
                raise
        finally:
            self._disk.close(fd)
        if created:
            self._disk.sync_folder(self._path.parent)
        self.entries[entry.part] = entry

    def digest(self) -> str:
        """SHA-256 of the file as it is."""
        return manifest_sha256(self._disk, self._path)

    def _needs_rewrite(self) -> bool:
        return self.damaged_lines > 0 or not read_file(self._disk, self._path, MOST_BYTES).endswith(b"\n")


def manifest_sha256(disk: Disk, path: Path) -> str:
    """What `_SUCCESS` names: the digest of the file, of no bytes where no part was ever sealed."""
    data = read_file(disk, path, MOST_BYTES) if disk.exists(path) else b""
    return hashlib.sha256(data).hexdigest()


def file_sha256(disk: Disk, path: Path) -> tuple[int, str]:
    """Size and digest of a file, read in blocks."""
    fd = disk.open_read(path)
    try:
        digest = hashlib.sha256()
        offset = 0
        while block := disk.read(fd, BLOCK_BYTES, offset):
            digest.update(block)
            offset += len(block)
        return offset, digest.hexdigest()
    finally:
        disk.close(fd)


def _encode(entry: Entry) -> bytes:
    text = msgspec.json.encode(entry)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _decode(line: bytes) -> Entry | None:
    check, _, text = line.partition(b" ")
    if len(check) != 8 or check != b"%08x" % zlib.crc32(text):
        return None
    try:
        return msgspec.json.decode(text, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
