"""The ways in which a call fails before there is a whole reply: their kinds and words."""

from __future__ import annotations

import errno
import os
import ssl
from typing import NamedTuple

from evalperf.errors import ProviderError
from evalperf.providers.base import LocalFault, Unreachable
from evalperf.providers.transport import HttpLimits
from evalperf.records import FailureKind

__all__ = [
    "BROKEN_OFF",
    "CLOSED",
    "CONNECTION_BROKE",
    "GARBLED",
    "HEAD_TOO_LONG",
    "NOT_CONNECTED",
    "NOT_DECOMPRESSED",
    "NOT_HTTP",
    "NO_ADDRESS",
    "NO_ANSWER",
    "NO_CONNECTION_IN_TIME",
    "NO_TLS",
    "PROXY_REFUSED",
    "PROXY_WANTS_LOGIN",
    "STALLED",
    "TOO_SLOW",
    "UNTRUSTED",
    "Fault",
    "connecting_fault",
    "fault_error",
    "local_fault",
    "system_reason",
    "too_long",
]


class Fault(NamedTuple):
    """One way to fail; with a hint, there never was a connection. A later try is worth it but for a bad reply."""

    kind: FailureKind
    words: str
    hint: str | None = None


NO_CONNECTION_IN_TIME = Fault("timeout", "no connection within {connect_s:g} s", "is the host up?")
UNTRUSTED = Fault(
    "connection",
    "TLS: the certificate of {host} is not trusted: {reason}",
    'check the host name; if the certificate is of your own making, name who has signed it in "ca_file"',
)
NO_ADDRESS = Fault("connection", "DNS: no address for {host}: {reason}", "check the host name")
NO_TLS = Fault(
    "connection", "TLS: no agreement with {host}: {reason}", "does that port speak https? if not, write http://"
)
NOT_CONNECTED = Fault(
    "connection", "no connection to {host}: {reason}", "is the server running, and is the port right?"
)
PROXY_WANTS_LOGIN = Fault(
    "connection",
    "no way through {host}: {reason}",
    'write the name and the password into the URL of the proxy: "http://name:password@host:port"',
)
PROXY_REFUSED = Fault("connection", "no way through {host}: {reason}", "is this the right proxy, and may it go there?")
NOT_DECOMPRESSED = Fault("bad_reply", "the body can't be decompressed")
GARBLED = Fault("connection", "the reply broke off or is not HTTP")
HEAD_TOO_LONG = Fault("bad_reply", "the head of the reply is longer than any that makes sense")
STALLED = Fault("timeout", "the reply stopped: nothing more came for {idle_s:g} s")
NO_ANSWER = Fault("connection", "the server closed the connection without an answer")
BROKEN_OFF = Fault("connection", "the reply broke off")
NOT_HTTP = Fault("bad_reply", "what came back is not HTTP")
TOO_SLOW = Fault("timeout", "no complete answer within {attempt_s:g} s")
CONNECTION_BROKE = Fault("connection", "the connection broke: {reason}")
CLOSED = Fault("connection", "the connection was closed")


def fault_error(fault: Fault, limits: HttpLimits, *, host: str = "the host", reason: str = "") -> ProviderError:
    """The failure of a call that ended with `fault`."""
    message = fault.words.format(
        connect_s=limits.connect_s, attempt_s=limits.attempt_s, idle_s=limits.idle_s, host=host, reason=reason
    )
    if fault.hint is None:
        return ProviderError(fault.kind, message, retryable=fault.kind != "bad_reply")
    return Unreachable(fault.kind, message, retryable=True, hint=fault.hint)


def too_long(limits: HttpLimits, status: int | None) -> ProviderError:
    """The failure of a call whose body is larger than allowed."""
    return ProviderError("bad_reply", f"the reply is longer than {limits.max_reply_bytes} bytes", status=status)


def connecting_fault(error: Exception) -> Fault:
    """What an exception of the sockets or of TLS means while there is no connection yet."""
    if isinstance(error, TimeoutError) and error.errno is None:  # with one, the system's own patience ended
        return NO_CONNECTION_IN_TIME
    if isinstance(error, ssl.SSLCertVerificationError):
        return UNTRUSTED
    return NO_TLS if isinstance(error, ssl.SSLError) else NOT_CONNECTED


def local_fault(error: Exception) -> LocalFault | None:
    """The failure of a call for which this machine lacked a file descriptor, None where `error` is another."""
    if not isinstance(error, OSError) or error.errno not in {errno.EMFILE, errno.ENFILE}:
        return None
    return LocalFault(
        "connection",
        "this machine has no file descriptor left for a connection",
        retryable=True,
        hint="raise the limit (ulimit -n) or lower concurrency.workers",
    )


def system_reason(error: Exception) -> str:
    """In the system's words, where it has some: a library's repeat the address in a form of their own."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "handshake failed").replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return getattr(error, "strerror", None) or type(error).__name__
