import asyncio
import logging

import pytest

from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.tenancy import StoreUnusable, Watch
from polyglot_cloud.tenancy.watch import INTERVAL
from tenancy.stage import BY, Stage, bearer


def test_a_revoke_of_another_process_holds_at_the_next_look(stage: Stage) -> None:
    secret = (made := stage.store.create_key("acme", by=BY)).secret
    watch = Watch(stage.store, stage.directory)
    assert watch.look()
    assert stage.directory.identify(bearer(secret)) is not None
    other = stage.another()
    other.revoke_key(made.key.id, by=BY)
    assert watch.look()
    assert not watch.look()
    with pytest.raises(Unauthorized, match="was revoked"):
        stage.directory.identify(bearer(secret))
    other.close()


def test_looks_are_frequent_enough_for_a_second() -> None:
    assert INTERVAL <= 0.5


async def test_it_looks_again_and_again_and_says_once_that_it_cannot(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    failing: list[bool] = []
    mark = stage.store.mark

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        failing.append(watch.failing)
        if len(slept) == 1:
            monkeypatch.setattr(stage.store, "mark", refuse)
        elif len(slept) == 3:
            monkeypatch.setattr(stage.store, "mark", mark)
        elif len(slept) == 4:
            raise asyncio.CancelledError

    def refuse() -> int:
        raise StoreUnusable("the database cannot be used: disk I/O error")

    watch = Watch(stage.store, stage.directory, interval=0.1, sleep=sleep)
    with caplog.at_level(logging.ERROR), pytest.raises(asyncio.CancelledError):
        await watch.run()
    assert slept == [0.1] * 4
    assert failing == [False, True, True, False]
    assert [record.message for record in caplog.records] == [
        "the keys cannot be read anew, so a revoke may not hold yet: the database cannot be used: disk I/O error"
    ]
