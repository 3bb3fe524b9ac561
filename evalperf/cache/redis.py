"""The Redis tier, shared between machines: MGET and pipelines, expiry by Redis itself.

Redis is asked before the run starts, so that a wrong address or password is told then. When it goes away later, the run
goes on without it and tries again after a while, or stops, as it was asked to.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeVar, cast
from urllib.parse import urlsplit

from evalperf import clock
from evalperf.cache.backend import RedisTallies, Row, Warn
from evalperf.errors import ConfigError, StoppedError

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["OnRedisAway", "RedisTier", "open_redis"]

OnRedisAway = Literal["continue", "stop"]
T = TypeVar("T")

FORMAT = 1
TIMEOUT_S = 2.0
RETRY_S, MAX_RETRY_S = 1.0, 30.0
"""How long Redis is left alone after a failure, doubled with each one that follows."""
SCANNED_AT_ONCE = 1000


@asynccontextmanager
async def open_redis(
    url: str, name: str, *, on_away: OnRedisAway, warn: Warn, now: Callable[[], float] = clock.unix_s
) -> AsyncIterator[RedisTier]:
    """Connects and asks who is there; raises ConfigError where nobody is, or the password is refused."""
    tier = RedisTier(_client(url), _shown(url), name, on_away=on_away, warn=warn, now=now)
    try:
        await tier.check()
        yield tier
    finally:
        await tier.aclose()


class RedisTier:
    """Keeps values in Redis under `evalperf:<format>:<name>:<key in hexadecimal>`; made by `open_redis`."""

    def __init__(
        self,
        client: Redis,
        address: str,
        name: str,
        *,
        on_away: OnRedisAway,
        warn: Warn,
        now: Callable[[], float],
    ) -> None:
        self.address = address
        self.tallies = RedisTallies()
        self._client = client
        self._prefix = f"evalperf:{FORMAT}:{name}:"
        self._on_away = on_away
        self._warn = warn
        self._now = now
        self._away_until_s: float | None = None  # on the loop's clock; None = it is there
        self._wait_s = RETRY_S

    async def check(self) -> None:
        """Raises ConfigError if Redis can't be used."""
        from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError  # noqa: PLC0415 - optional

        try:
            await self._client.get(self._name(b""))
        except (AuthenticationError, AuthorizationError, ResponseError) as error:
            raise ConfigError(
                f"cache: Redis at {self.address} refuses: {error}",
                hint="give the user and the password in redis_url: redis://user:password@host:6379/0",
            ) from error
        except (RedisError, OSError) as error:
            raise ConfigError(
                f"cache: Redis at {self.address} can't be reached: {error}",
                hint='start it, correct "redis_url", or leave it out',
            ) from error

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys, by one MGET; all None while Redis is away."""
        nothing: list[bytes | None] = [None] * len(keys)
        if not keys:
            return nothing
        names = [self._name(key) for key in keys]
        return await self._ask(
            lambda: cast("Awaitable[list[bytes | None]]", self._client.mget(names)), nothing, len(keys)
        )

    async def set_many(self, items: Sequence[tuple[bytes, bytes]], ttl_s: float | None) -> None:
        """Keeps (key, value) pairs, by one pipeline."""
        now_s = self._now()
        expires_s = None if ttl_s is None else now_s + ttl_s
        await self.write([Row(key=key, value=value, created_s=now_s, expires_s=expires_s) for key, value in items])

    async def write(self, rows: Sequence[Row]) -> None:
        """Keeps rows, by one pipeline; those whose time is over are left out."""
        pipeline = self._client.pipeline(transaction=False)
        now_s = self._now()
        for row in rows:
            if row.expires_s is None:
                pipeline.set(self._name(row.key), row.value)
            elif row.expires_s > now_s:
                pipeline.set(self._name(row.key), row.value, px=max(1, int((row.expires_s - now_s) * 1000)))
        if len(pipeline):
            await self._ask(pipeline.execute, [], len(rows))

    async def delete_many(self, keys: Sequence[bytes]) -> int:
        """How many of them were there."""
        if not keys:
            return 0
        return await self._ask(lambda: self._client.unlink(*[self._name(key) for key in keys]), 0, len(keys))

    async def clear(self) -> int:
        """Drops every entry of this cache, and nothing else that Redis holds; how many there were."""
        return await self._ask(self._clear, 0, 0)

    async def count(self) -> int:
        """How many entries there are; reads every name in Redis."""
        return await self._ask(self._count, 0, 0)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _clear(self) -> int:
        count = 0
        async for names in self._scan():
            count += await self._client.unlink(*names)
        return count

    async def _count(self) -> int:
        return sum([len(names) async for names in self._scan()])

    async def _scan(self) -> AsyncIterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, names = await self._client.scan(cursor, match=self._prefix + "*", count=SCANNED_AT_ONCE)
            if names:
                yield cast("list[bytes]", names)
            if cursor == 0:
                return

    def _name(self, key: bytes) -> str:
        return self._prefix + key.hex()

    async def _ask(self, command: Callable[[], Awaitable[T]], otherwise: T, keys: int) -> T:
        """What Redis answers, or `otherwise` while it is away; raises StoppedError, once, where that stops the run."""
        from redis.exceptions import RedisError  # noqa: PLC0415 - an optional library

        if self._away_until_s is not None and clock.now() < self._away_until_s:
            self.tallies.skipped += keys
            return otherwise
        try:
            answer = await command()
        except (RedisError, OSError) as error:
            self._went_away(error, keys)
            return otherwise
        if self._away_until_s is not None:
            self._away_until_s, self._wait_s = None, RETRY_S
            self._warn(f"cache: Redis at {self.address} is back")
        return answer

    def _went_away(self, error: Exception, keys: int) -> None:
        self.tallies.failures += 1
        self.tallies.skipped += keys
        if self._on_away == "stop":
            if self._away_until_s is not None:
                return  # one error ends the run; what is still under way is not to raise it again
            self._away_until_s = math.inf
            raise StoppedError(
                f"cache: Redis at {self.address} is away: {error}",
                hint='start it and continue with --resume; or set "on_redis_away" to "continue"',
            ) from error
        if self._away_until_s is None:
            self._warn(f"cache: Redis at {self.address} is away: {error}; going on without it")
        self._away_until_s = clock.now() + self._wait_s
        self._wait_s = min(2 * self._wait_s, MAX_RETRY_S)


def _client(url: str) -> Redis:
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - optional, and 120 ms to import
        from redis.asyncio.retry import Retry  # noqa: PLC0415 - as above
        from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ConfigError("a Redis cache needs the library redis", hint='pip install "evalperf[redis]"') from error
    try:
        return Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # a pooled connection may be dead since the server was started again
        )
    except ValueError as error:
        raise ConfigError(f"cache: redis_url {_shown(url)}: {error}", hint="as in redis://host:6379/0") from error


def _shown(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
