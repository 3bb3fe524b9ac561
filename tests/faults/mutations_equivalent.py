"""The statements of the store whose removal nobody can see, each with the reason; read by `mutations.py`."""

from __future__ import annotations

LAST = "the function ends there and returns None anyway; the statement says so to the reader"

EQUIVALENT = {
    "done.py: Bitmap.first_missing: key += len(rest) - len(rest.lstrip(b'\\xff')) << 3": (
        "only quicker: the loop behind it goes through the same keys one by one"
    ),
    "journal.py: Journal.recorded: return None": "only quicker: looking into an empty table finds nothing, either",
    "journal.py: Journal._wait_for_work: self._due.cancel()": (
        "the old timer would bring the next answers to the disk sooner than they need"
    ),
    "lock.py: holder_of: return None (2)": LAST,
    "manifest.py: _decode: return None (2)": LAST,
    "reader.py: read_success: return None": LAST,
    "reader.py: _Reading._open: assert number is not None": "for the type checker: only parts are listed",
    "walk.py: _next_member: continue": "what follows would look once more at a place that has just been searched",
    "walk.py: _next_member: break": "what is found there is `before` itself, where the caller knows a member begins",
}
"""By file, function and statement."""
