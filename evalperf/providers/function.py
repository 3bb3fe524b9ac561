"""A Python function of the user's as the provider."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, get_args

from evalperf.config.model import FunctionProvider
from evalperf.errors import ConfigError, ProviderError
from evalperf.plugins import load_object
from evalperf.records import Case, Completion, Message, Request

__all__ = ["Function", "load_function", "open_function"]


def open_function(config: FunctionProvider, base_dir: Path, *, threads: int) -> Function:
    """The provider for the function that `config.call` names; a module beside the configuration is found.

    Raises ConfigError where it does not exist or can't be called with one argument and the options.
    """
    return Function(config, load_function(config.call, base_dir), threads=threads)


def load_function(call: str, base_dir: Path) -> Callable[..., Any]:
    """What a configuration names as a function; raises ConfigError where it does not exist or is none."""
    function = load_object(call, search_dir=base_dir)
    if not callable(function):
        raise ConfigError(f"{call} is a {type(function).__name__}, not a function")
    return cast("Callable[..., Any]", function)


class Function:
    """Calls the function with what its first parameter is annotated as.

    `Request` and `Case` get these records; anything else, also no annotation, gets the prompt: the text of a single
    user message, else the list of messages. An async function runs in the loop, any other in a thread of its own pool.
    A plain function that is over its time can't be ended: its thread goes on and is missed until it returns, so a
    function that hangs for good should be a `command`, which is killed.
    """

    in_process = True

    def __init__(self, config: FunctionProvider, function: Callable[..., Any], *, threads: int) -> None:
        self.name = config.call
        self.model = config.model
        self.paid = config.prices is not None
        self._config = config
        self._function = function
        self.argument = _argument_of(function, config)
        """What a request is for the function, or, where it takes many, one of a list."""
        self._threads = None if _is_async(function) else _DaemonThreads(threads)

    async def check(self) -> None:
        """Nothing to try: the function was loaded, and its signature fits."""

    async def complete(self, request: Request) -> Completion:
        """What the function returns; a text becomes a Completion."""
        answer = await self.call(self.argument(request))
        return self.completion(answer)

    def completion(self, answer: object) -> Completion:
        """What the function has returned for one request, as a Completion; raises ProviderError if it is none."""
        if isinstance(answer, Completion):
            return answer
        if isinstance(answer, str):
            return Completion(text=answer, model=self.model)
        raise ProviderError("provider", f"{self.name} has returned {type(answer).__name__}, expected str or Completion")

    async def call(self, argument: object) -> object:
        """What the function returns for an argument; raises ProviderError for what it raises, and past its time."""
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await self._call(argument)
        except TimeoutError:
            raise ProviderError(
                "timeout", f"no answer from {self.name} within {self._config.timeout_s:g} s", retryable=True
            ) from None

    async def probe(self, within_s: float) -> ProviderError | None:  # noqa: ARG002 - there is nothing to wait for
        """Always well, as far as can be told without a call."""
        return None

    def connection_statistics(self) -> None:
        """There are no connections."""

    async def aclose(self) -> None:
        """Lets the threads end; one that still works on an answer is not waited for."""
        if self._threads is not None:
            self._threads.close()

    async def _call(self, argument: object) -> object:
        try:
            if self._threads is None:
                return await self._function(argument, **self._config.options)
            answer = await self._threads.run(lambda: self._function(argument, **self._config.options))
            return await answer if inspect.isawaitable(answer) else answer
        except ProviderError:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _raised(error) from error  # nobody has cancelled us: the function let its own one through
        except (Exception, SystemExit) as error:
            raise _raised(error) from error


def _raised(error: BaseException) -> ProviderError:
    message = str(error)
    return ProviderError("provider", f"{type(error).__name__}: {message}" if message else type(error).__name__)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _argument_of(function: Callable[..., Any], config: FunctionProvider) -> Callable[[Request], object]:
    """How a request becomes the function's argument, by the annotation of its first parameter."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return _prompt  # written in C, without a signature
    try:
        signature.bind(object(), **config.options)
    except TypeError as error:
        raise ConfigError(
            f"{config.call}{signature} can't be called with the request and the options: {error}",
            hint='the request comes first, each of "options" as a keyword argument',
        ) from error
    name = _record_name(next(iter(signature.parameters.values())).annotation, in_list=config.batch)
    if name in (Request, "Request"):
        return _itself
    return _case if name in (Case, "Case") else _prompt


def _record_name(annotation: Any, *, in_list: bool) -> Any:
    """What an annotation names, also where it is a text: Case, or the Case of list[Case]."""
    if isinstance(annotation, str):
        inner = annotation.partition("[")[2].removesuffix("]") if in_list else annotation
        return inner.rpartition(".")[2]
    return next(iter(get_args(annotation)), None) if in_list else annotation


def _itself(request: Request) -> Request:
    return request


def _case(request: Request) -> Case:
    return request.case


def _prompt(request: Request) -> str | list[Message]:
    only = request.messages[0] if len(request.messages) == 1 else {}
    content = only.get("content")
    return content if only.get("role") == "user" and isinstance(content, str) else list(request.messages)


_Job = tuple[Callable[[], object], contextvars.Context, "asyncio.Future[object]"]


class _DaemonThreads:
    """At most `count` threads, started as they are needed.

    The interpreter waits for the threads of a ThreadPoolExecutor when it ends, so one hung call would keep the whole
    program from ending; these are not waited for.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._started = 0
        self._busy = 0  # jobs that were put in and have not come back, also those that nobody waits for any more
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()

    async def run(self, function: Callable[[], object]) -> object:
        """What the function returns or raises."""
        done: asyncio.Future[object] = self._loop.create_future()
        self._jobs.put((function, contextvars.copy_context(), done))
        self._busy += 1
        if self._busy > self._started and self._started < self._count:
            self._started += 1
            threading.Thread(target=self._work, name=f"evalperf-function-{self._started}", daemon=True).start()
        return await done

    def close(self) -> None:
        """Ends the threads once they are idle; a second call does nothing."""
        for _ in range(self._started):
            self._jobs.put(None)
        self._started = 0

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, context, done = job
            answer: object = None
            error: BaseException | None = None
            if not done.cancelled():
                try:
                    answer = context.run(function)
                except BaseException as raised:  # noqa: BLE001 - carried over to the one who waits
                    error = raised
            with suppress(RuntimeError):  # the loop has ended before the function has
                self._loop.call_soon_threadsafe(self._deliver, done, answer, error)

    def _deliver(self, done: asyncio.Future[object], answer: object, error: BaseException | None) -> None:
        self._busy -= 1
        if done.done():
            return
        if isinstance(error, StopIteration):
            error = RuntimeError("StopIteration")  # a future refuses this one
        if error is None:
            done.set_result(answer)
        else:
            done.set_exception(error)
