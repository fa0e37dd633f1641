"""Work in steps, and aside."""

import asyncio
import gc
import threading
from collections.abc import Generator

import pytest

from polyglot_cloud.large.steps import INLINE, aside, in_steps


def counting(name: str, log: list[str], steps: int) -> Generator[None, None, str]:
    for number in range(steps):
        log.append(f"{name}{number}")
        yield
    return name


async def test_others_have_their_turn_between_two_steps() -> None:
    log: list[str] = []

    async def other() -> None:
        for _ in range(4):
            log.append("-")
            await asyncio.sleep(0)

    answer, _ = await asyncio.gather(in_steps(counting("a", log, 3)), other())
    assert answer == "a"
    assert log.index("-") < log.index("a1")


async def test_several_take_turns_one_step_at_a_time() -> None:
    log: list[str] = []
    assert await asyncio.gather(*(in_steps(counting(name, log, 3)) for name in "abc")) == ["a", "b", "c"]
    assert [step[0] for step in log] == list("abcabcabc")


async def test_an_error_of_a_step_is_raised() -> None:
    def broken() -> Generator[None, None, None]:
        yield
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await in_steps(broken())
    assert await in_steps(counting("a", [], 1)) == "a"


async def test_little_work_stays_on_the_loop_and_much_goes_aside() -> None:
    here = threading.get_ident()
    assert await aside(INLINE, threading.get_ident) == here
    assert await aside(INLINE + 1, threading.get_ident) != here
    assert await aside(INLINE + 1, gc.isenabled) is False
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        await aside(INLINE + 1, lambda: 1 // 0)
    assert gc.isenabled()
