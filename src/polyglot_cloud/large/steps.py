"""Work in bounded steps on the event loop, or aside from it."""

import asyncio
import gc
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

Result = TypeVar("Result")
Given = ParamSpec("Given")

INLINE = 64 * 1024
"""Bytes of JSON up to which pure Python may work through it on the event loop."""
_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_WORKER = ThreadPoolExecutor(1, thread_name_prefix="polyglot-large")
"""One thread: two of them would take turns with each other, and the event loop would get a third of the time."""


async def in_steps(steps: Generator[None, None, Result]) -> Result:
    """What the generator returns. Between two of its steps the event loop runs on; of all that run so, one takes a step at a time."""
    turn = _turn()
    while True:
        async with turn:
            try:
                next(steps)
            except StopIteration as done:
                result: Result = done.value
                return result
            await asyncio.sleep(0)


def _turn() -> asyncio.Lock:
    loop = asyncio.get_running_loop()
    turn = _TURNS.get(loop)
    if turn is None:
        turn = _TURNS[loop] = asyncio.Lock()
    return turn


async def aside(size: int, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """The result of `work`, which is pure, over about `size` bytes of JSON: at once where those are few, else in a thread.

    There it shares the interpreter with the event loop, which has to wait for it for `sys.getswitchinterval()` at most, and for the
    longest single step within a codec.
    """
    if size <= INLINE:
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_WORKER, lambda: _uncollected(work, *args, **kwargs))


def _uncollected(work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """Without the garbage collector, which would walk all that the work makes, again and again, each time in one long step."""
    gc.disable()
    try:
        return work(*args, **kwargs)
    finally:
        gc.enable()
