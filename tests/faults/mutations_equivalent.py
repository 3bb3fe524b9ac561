"""The changes of the store that nobody can see, each with the reason; read by `mutations.py`."""

from __future__ import annotations

QUICKER = "only quicker: without it the same comes out after more work"
ROOM = "only room: how much is held ready, within what a test allows"
NAME = "a name for whoever looks at a process that runs; nothing goes by it"
ROUGH = "a rough figure: how much memory a row takes"
INHERITED = "Python opens every file so that no child gets it; the flag says so to the reader"
INSIDE = "no frame and no member begins inside the mark that another begins with"
LAST = "the function ends there and returns None anyway; the statement says so to the reader"

_BY_REASON = {
    INHERITED: (
        "disk.py: LocalDisk._hold: os.O_RDONLY | os.O_CLOEXEC → (os.O_RDONLY & os.O_CLOEXEC)",
        "lock.py: holder_of: os.O_RDONLY | os.O_CLOEXEC → (os.O_RDONLY & os.O_CLOEXEC)",
    ),
    INSIDE: ("walk.py: _next_member: offset + 1 → offset + 2",),
    LAST: (
        "lock.py: holder_of: return None (2)",
        "manifest.py: _decode: return None (2)",
        "reader.py: read_success: return None",
    ),
    NAME: (
        (
            'store.py: Store.start: asyncio.create_task(self._drain(), name="results to disk") → '
            "asyncio.create_task(self._drain())"
        ),
        (
            'store.py: Store.start: asyncio.create_task(self.journal.commit(), name="journal to '
            'disk") → asyncio.create_task(self.journal.commit())'
        ),
        'store.py: open_store: ThreadPoolExecutor(2, "evalperf-store") → ThreadPoolExecutor(2)',
        "store.py: open_store: ThreadPoolExecutor(2, \"evalperf-store\") → ThreadPoolExecutor(2, 'evalperf-storex')",
    ),
    QUICKER: (
        "done.py: Bitmap.first_missing: (end >> 3) + 1 → ((end >> 3) - 1)",
        "done.py: Bitmap.first_missing: (end >> 3) + 1 → (end >> 3) + 0",
        "done.py: Bitmap.first_missing: (end >> 3) + 1 → (end >> 3) + 2",
        "done.py: Bitmap.first_missing: end >> 3 → (end << 3)",
        "done.py: Bitmap.first_missing: end >> 3 → end >> 2",
        "done.py: Bitmap.first_missing: key & 7 == 0 → True",
        "done.py: Bitmap.first_missing: key & 7 → key & 6 (2)",
        "done.py: Bitmap.first_missing: key < end → (key <= end) (2)",
        "done.py: Bitmap.first_missing: rest.lstrip(b\"\\xff\") → rest.lstrip(b'\\xffx')",
        "intake.py: Intake.add: waiting == self._batch_rows → True",
        "journal.py: Journal._commit_once: finished → True",
        "journal.py: Journal._create_next: self._tally → True",
        "journal.py: Journal._sync_current: self._delayed → True",
        "journal.py: Journal._sync_soon: self._due is None → True",
        "journal.py: Journal.intent: not self._durable → False",
        "journal.py: Journal.recorded: not self._recorded → False",
        "journal.py: Journal.recorded: return None",
        "journal.py: Journal.response: self._durable → True",
        (
            "journal.py: Journal.strike: any(not old.keys for old in self._old) or "
            "self._current.file.size >= self._rotate_bytes → True"
        ),
        "journal.py: Journal.strike: self._recorded → True",
        "journal.py: Journal.sync: file.synced < file.size → (file.synced <= file.size)",
        (
            "journal.py: Journal.sync: self._durable and (self._delayed or file.synced < file.size) → "
            "(self._durable or (self._delayed or file.synced < file.size))"
        ),
        "journal.py: Journal.sync: self._durable and (self._delayed or file.synced < file.size) → True",
        "member.py: _deflate: _fast is None → True",
        "member.py: unpack_keys: max(near) < 128 → max(near) < 127",
        "reader.py: _Reading._read_member: all(new) → False",
        "store.py: Store.put: intake.full → True",
    ),
    ROOM: (
        "done.py: Bitmap.__init__: capacity + 7 → capacity + 6",
        "done.py: Bitmap._make_room: max(missing, len(self._bits), 64) → max(missing, len(self._bits))",
        "done.py: Bitmap._make_room: max(missing, len(self._bits), 64) → max(missing, len(self._bits), 63)",
        "done.py: Bitmap._make_room: max(missing, len(self._bits), 64) → max(missing, len(self._bits), 65)",
        "done.py: Bitmap._make_room: missing > 0 → (missing >= 0)",
        "done.py: Bitmap._make_room: missing > 0 → missing > -1",
        "done.py: Bitmap._set: bits.bit_length() + 7 → bits.bit_length() + 8",
        "recovery.py: recover: Bitmap(expected) → Bitmap()",
    ),
    ROUGH: (
        "store.py: _size_bytes: size = 1000 → size = 1001",
        "store.py: _size_bytes: size = 1000 → size = 999",
        "store.py: _size_bytes: type(result.input) is str → True",
    ),
    "a file that is closed twice is closed once": ("journal.py: Journal._turn_over: self._durable → True (2)",),
    "a folder is opened without the flag, too; nothing else is asked for here": (
        "disk.py: LocalDisk.sync_folder: os.O_RDONLY | os.O_DIRECTORY → (os.O_RDONLY & os.O_DIRECTORY)",
    ),
    "any number below 0 says that it is closed": ("append.py: AppendFile.close: -1 → -2",),
    "any size that holds a signature": (
        "lock.py: _holder: os.pread(fd, 4096, 0) → os.pread(fd, 4095, 0)",
        "lock.py: _holder: os.pread(fd, 4096, 0) → os.pread(fd, 4097, 0)",
    ),
    "fewer than none can't be held": ("disk.py: LocalDisk.release: self._wanted = 0 → self._wanted = -1",),
    "for the type checker: only parts are listed": ("reader.py: _Reading._open: assert number is not None",),
    "no key takes so many bytes": (
        "member.py: _varint: at + 10 → at + 11",
        "member.py: _varint: at + 10 → at + 9",
    ),
    "no two rows have the same key": ("parts.py: PartWriter.write: rows.sort(key=_key) → rows.sort()",),
    "one read more, of nothing": ("disk.py: copy_range: start < end → (start <= end)",),
    "other bytes, which unpack to the same rows": (
        "member.py: _deflate: -15 → -14",
        "member.py: _deflate: -15 → -14 (2)",
        "member.py: _deflate: max(level, 1) → max(level, 2)",
    ),
    "that frame has no case; its key says nothing": ("facts.py: Facts.frames: Frame(BASE, 0) → Frame(BASE, 1)",),
    "the field takes two bytes, however many are given": (
        (
            'member.py: make_member: _PREFIX.pack(MAGIC, extra, b"EP", extra - 4) → '
            "_PREFIX.pack(MAGIC, extra, b'EPx', extra - 4)"
        ),
    ),
    "the lengths were compared before": (
        "reader.py: _Reading._read_member: strict=True → strict=False",
        "reader.py: _Reading._read_member: zip(rows, new, strict=True) → zip(rows, new)",
    ),
    "the old timer would bring the next answers to the disk sooner than they need": (
        "journal.py: Journal._wait_for_work: self._due.cancel()",
    ),
    "the signature is written over that byte": ("lock.py: RunLock._sign: os.ftruncate(fd, 0) → os.ftruncate(fd, 1)",),
    "the third thread has nothing to do": (
        'store.py: open_store: ThreadPoolExecutor(2, "evalperf-store") → ThreadPoolExecutor(3, "evalperf-store")',
    ),
    "the timer would only wake a writer that has ended": (
        "journal.py: Journal.commit: self._due is not None → False",
        "journal.py: Journal.commit: self._due.cancel()",
    ),
    "without a journal nobody asks for its number": (
        "recovery.py: recover: 1 → 0",
        "recovery.py: recover: 1 → 2",
    ),
}
EQUIVALENT = {name: reason for reason, names in _BY_REASON.items() for name in names}
"""By file, function and change."""
