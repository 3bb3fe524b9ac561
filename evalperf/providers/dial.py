"""How a connection to an origin comes about: its addresses, the proxy on the way, TLS, and what is never called."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

from evalperf.config.metadata_hosts import is_metadata_host
from evalperf.errors import ProviderError
from evalperf.providers import faults
from evalperf.providers.base import WrongAddress
from evalperf.providers.connection import Connection
from evalperf.providers.faults import connecting_fault, fault_error, local_fault, system_reason
from evalperf.providers.proxy import Proxy, Tunnel, TunnelRefusedError
from evalperf.providers.transport import HttpLimits

__all__ = ["Dialer", "Origin"]

_ADDRESSES_S = 10.0
"""For how long the addresses of a name are kept; a thousand connections at the start of a run ask once."""


class Origin(NamedTuple):
    """Whom a connection leads to; `host` without brackets, in ASCII."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        """As it stands in messages."""
        return f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """As HTTP writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Dialer:
    """Opens connections to one origin, directly or through a proxy; needs a running loop."""

    def __init__(
        self, origin: Origin, limits: HttpLimits, tls: Callable[[], ssl.SSLContext], proxy: Proxy | None = None
    ) -> None:
        self._origin = origin
        self._limits = limits
        self._tls = tls
        self._proxy = proxy
        self._host, self._port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
        self._loop = asyncio.get_running_loop()
        self._resolving = asyncio.Lock()
        self._addresses: list[str] = []
        self._addresses_until_s = 0.0
        self.opened = 0
        """Connections that came about, so far."""

    async def connect(self, deadline_s: float) -> Connection:
        """A new connection within the time for one, and before the deadline; raises ProviderError."""
        until_s = min(self._loop.time() + self._limits.connect_s, deadline_s)
        try:
            connection = await self._dial(until_s)
        except TunnelRefusedError as refused:
            raise self._refused(refused) from refused
        except TimeoutError as error:
            timed_out = error.errno is None and until_s == deadline_s
            raise self._unreachable(error, faults.TOO_SLOW if timed_out else None) from error
        except (OSError, RuntimeError, UnicodeError) as error:
            raise self._unreachable(error) from error
        self.opened += 1
        return connection

    def _unreachable(self, error: Exception, fault: faults.Fault | None = None) -> ProviderError:
        if (local := local_fault(error)) is not None:
            return local
        if isinstance(error, socket.gaierror | UnicodeError):
            fault = faults.NO_ADDRESS
        at_proxy = self._proxy is not None and not isinstance(error, ssl.SSLError)
        return fault_error(
            fault or connecting_fault(error),
            self._limits,
            host=str(self._proxy if at_proxy else self._origin),
            reason=system_reason(error),
        )

    def _refused(self, refused: TunnelRefusedError) -> ProviderError:
        fault = faults.PROXY_WANTS_LOGIN if refused.status == 407 else faults.PROXY_REFUSED
        error = fault_error(fault, self._limits, host=f"{self._proxy} to {self._origin}", reason=refused.reason)
        error.retryable = refused.status is None or refused.status >= 500
        return error

    async def _dial(self, until_s: float) -> Connection:
        """Tries the addresses in turn, each for its share of the time that is left.

        One that did not take the call goes to the end of the line.
        """
        _refuse_metadata(self._origin.host, self._origin.host)
        async with asyncio.timeout_at(until_s):
            addresses = await self._resolve()
        for tried, address in enumerate(addresses):
            left = len(addresses) - tried
            now_s = self._loop.time()
            try:
                async with asyncio.timeout_at(now_s + (until_s - now_s) / left):
                    return await self._open(address)
            except OSError as error:
                if left == 1 or isinstance(error, ssl.SSLError) or local_fault(error) is not None:
                    raise
                if self._addresses[0] == address:
                    self._addresses = [*self._addresses[1:], address]
        raise OSError(0, "no address")

    async def _open(self, address: str) -> Connection:
        if self._proxy is not None and self._origin.tls:
            return await self._tunnel(address, self._proxy)
        tls = self._tls() if self._origin.tls else None
        transport, connection = await self._loop.create_connection(
            lambda: Connection(self._loop.time),
            address,
            self._port,
            ssl=tls,
            server_hostname=self._origin.host if tls is not None else None,
        )
        _keep_alive(transport)
        return connection

    async def _tunnel(self, address: str, proxy: Proxy) -> Connection:
        """A connection whose TLS ends at the origin: the proxy sees neither key nor prompt."""
        transport, tunnel = await self._loop.create_connection(Tunnel, address, self._port)
        _keep_alive(transport)
        try:
            await tunnel.ask(self._origin.authority, proxy)
            connection = Connection(self._loop.time)
            secured = await self._loop.start_tls(transport, connection, self._tls(), server_hostname=self._origin.host)
        except BaseException:
            transport.abort()
            raise
        if secured is None:
            raise ConnectionResetError("hung up")
        connection.connection_made(secured)
        return connection

    async def _resolve(self) -> list[str]:
        """The addresses in the system's order of preference, but those that failed last."""
        async with self._resolving:
            if self._loop.time() < self._addresses_until_s:
                return self._addresses
            addresses = await self._look_up(self._host)
            for address in addresses:
                _refuse_metadata(self._host, address)
            self._addresses = addresses
            self._addresses_until_s = self._loop.time() + _ADDRESSES_S
            return self._addresses

    async def _look_up(self, host: str) -> list[str]:
        try:
            return [str(ip_address(host))]
        except ValueError:
            found = await self._loop.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
            return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    if (opened := transport.get_extra_info("socket")) is not None:
        # a model may think for minutes, and a router forgets a connection that says nothing
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _refuse_metadata(host: str, address: str) -> None:
    if is_metadata_host(address):
        leads = "is" if host == address else f"leads to {address},"
        raise WrongAddress(
            "rejected",
            f"{host} {leads} where a cloud hands out this machine's own credentials: nothing is sent there",
            hint="name the host that serves the model",
        )
