"""Server-sent events: bytes in any cut, whole events out."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EventParser", "EventTooLongError", "ServerEvent"]

_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event; `name` is "message" where the server names none."""

    name: str
    data: bytes


class EventTooLongError(ValueError):
    """A line or an event is longer than allowed."""


class EventParser:
    """Follows the WHATWG rules for `event` and `data`: LF, CR LF or CR, comments, several data lines, a BOM.

    `id` and `retry` are read over: a chat answer can't be taken up again. So are events of no data, which some gateways
    send to keep a connection open. No line and no event may be longer than
    `max_event_bytes`.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = b""  # a line that has not ended yet
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._fresh = True  # nothing was read yet: a BOM may come

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """The events that `piece` completes, in order; raises EventTooLongError."""
        text = self._rest + piece if self._rest else piece
        if self._fresh:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            text, self._fresh = text.removeprefix(_BOM), False
        self._rest = b""
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            self._rest = lines.pop()  # not ended yet; a CR at its end may be half a CR LF
        if len(self._rest) > self._max_event_bytes:
            raise EventTooLongError(f"a line of the stream is longer than {self._max_event_bytes} bytes")
        return [event for line in lines if (event := self._take(line.rstrip(b"\r\n"))) is not None]

    def finish(self) -> list[ServerEvent]:
        """The event that the end of the stream completes: many servers leave out the last blank line."""
        rest, self._rest = self._rest, b""
        return [event for line in (rest.rstrip(b"\r"), b"") if (event := self._take(line)) is not None]

    def _take(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1  # lines of nothing fill the memory, too
            if self._data_bytes > self._max_event_bytes:
                raise EventTooLongError(f"an event of the stream is longer than {self._max_event_bytes} bytes")
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        return None

    def _dispatch(self) -> ServerEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._data_bytes = "", [], 0
        return ServerEvent(name, b"\n".join(data)) if any(data) else None
