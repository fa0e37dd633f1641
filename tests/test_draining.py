import asyncio
from contextlib import suppress

import pytest

from polyglot_cloud.draining import Drain
from polyglot_cloud.errors import Draining


class Work:
    """A call that runs until it is told to end, and writes down how it ended."""

    def __init__(self, drain: Drain) -> None:
        self.drain = drain
        self.end = asyncio.Event()
        self.running = asyncio.Event()
        self.ended_by: BaseException | None = None

    async def run(self) -> None:
        try:
            with self.drain.track():
                self.running.set()
                await self.end.wait()
        except BaseException as error:
            self.ended_by = error
            raise

    async def started(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.run())
        await self.running.wait()
        return task


async def test_calls_in_flight_are_counted_and_waited_for() -> None:
    drain = Drain()
    assert await drain.idle(0)
    first, second = Work(drain), Work(drain)
    tasks = [await first.started(), await second.started()]
    assert drain.in_flight == 2
    drain.begin()
    assert not await drain.idle(0.001)
    first.end.set()
    await tasks[0]
    assert not await drain.idle(0.001)
    second.end.set()
    assert await drain.idle(None)
    assert drain.in_flight == 0
    await tasks[1]


async def test_new_calls_are_refused_once_it_has_begun() -> None:
    drain = Drain()
    waiting = asyncio.create_task(drain.begun())
    before = drain.started
    drain.begin()
    await waiting
    assert (before, drain.started) == (False, True)
    entered = []
    with pytest.raises(Draining, match="stopping"), drain.track():
        entered.append("refused, and yet in")
    assert not entered
    assert drain.in_flight == 0


async def test_a_cut_call_leaves_its_block_with_draining_and_may_go_on() -> None:
    drain = Drain()
    last_word = ""

    async def stream() -> None:
        nonlocal last_word
        try:
            with drain.track():
                await asyncio.Event().wait()
        except Draining as error:
            await asyncio.sleep(0)  # as a send that takes its time
            last_word = error.message

    task = asyncio.create_task(stream())
    await asyncio.sleep(0)
    drain.cut()
    drain.cut()
    await task
    assert "stopping" in last_word
    assert task.cancelling() == 0


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    drain = Drain()
    work = Work(drain)
    task = await work.started()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(work.ended_by, asyncio.CancelledError)
    assert await drain.idle(0)


async def test_a_cancellation_at_the_same_moment_wins() -> None:
    drain = Drain()
    work = Work(drain)
    task = await work.started()
    drain.cut()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(work.ended_by, asyncio.CancelledError)


async def test_a_call_that_ends_well_in_spite_of_the_cut_is_left_alone() -> None:
    drain = Drain()

    async def stubborn() -> str:
        with drain.track(), suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return "done"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    drain.cut()
    assert await task == "done"
    assert task.cancelling() == 0


async def test_an_error_of_the_call_itself_is_not_hidden_by_the_cut() -> None:
    drain = Drain()

    async def failing() -> None:
        with drain.track():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError("mine") from None

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    drain.cut()
    with pytest.raises(KeyError, match="mine"):
        await task


async def test_nested_calls_of_one_task_are_cut_together() -> None:
    drain = Drain()
    seen: list[type[BaseException]] = []

    async def nested() -> None:
        with drain.track():
            try:
                with drain.track():
                    await asyncio.Event().wait()
            except BaseException as error:
                seen.append(type(error))
                raise

    task = asyncio.create_task(nested())
    await asyncio.sleep(0)
    drain.cut()
    with pytest.raises(Draining):
        await task
    assert seen == [asyncio.CancelledError]


def test_only_tasks_can_be_tracked() -> None:
    async def main() -> list[BaseException]:
        loop, errors = asyncio.get_running_loop(), list[BaseException]()
        called = asyncio.Event()

        def callback() -> None:
            try:
                with Drain().track():
                    pass
            except RuntimeError as error:
                errors.append(error)
            called.set()

        loop.call_soon(callback)
        await called.wait()
        return errors

    assert "asyncio tasks" in str(asyncio.run(main())[0])
