"""Whatever happens, in whatever order: what memory says is what the file says, so that a process that is killed has lost nothing."""

import asyncio
import itertools
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud.swarm.directory import REGISTRATION as PROVIDER_FIELDS
from polyglot_cloud.swarm.directory import Directory
from polyglot_cloud.swarm.requests import read
from polyglot_cloud.swarm.services import HEARTBEAT, AlreadyRegistered, Services, UnknownService
from polyglot_cloud.swarm.services import REGISTRATION as SERVICE_FIELDS
from polyglot_cloud.swarm.store import Store
from swarm.services_stage import PROVIDER, SERVICE, Clock

NAMES = st.sampled_from(["a", "b", "c"])
ROLES = st.sampled_from(["production", "canary"])
SLOS = st.sampled_from([None, {}, {"latency_p95_ms": 5}])
LOADS = st.sampled_from([None, 0.5, 3])
ROUTER = st.lists(
    st.one_of(st.tuples(st.just("register"), NAMES, SLOS), st.tuples(st.just("deactivate"), NAMES)), max_size=12
)
REGISTRY = st.lists(
    st.one_of(
        st.tuples(st.just("register"), NAMES, ROLES), st.tuples(st.just("heartbeat"), NAMES, LOADS),
        st.tuples(st.just("promote"), ROLES, ROLES), st.tuples(st.just("deregister"), NAMES), st.tuples(st.just("review")),
    ),
    max_size=12,
)  # fmt: skip


@given(steps=ROUTER)
def test_the_router(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, clock, active = Store(Path(folder) / "t.sqlite3"), Clock(), set()
        directory = Directory(store, clock=clock)

        async def play() -> None:
            for step, name, *slo in steps:
                clock.pass_seconds(1)
                if step == "register":
                    await directory.register(
                        read(PROVIDER_FIELDS, {**PROVIDER, "name": name, "slo": slo[0]}, ("body",))
                    )
                    active.add(name)
                else:
                    await directory.deactivate(name)
                    active.discard(name)

        asyncio.run(play())
        assert {provider.name for provider in directory.active()} == active
        again = Store(Path(folder) / "t.sqlite3")  # the first is still open, as after a kill
        assert list(Directory(again, clock=clock)._all.values()) == list(directory._all.values())
        store.close()
        again.close()


@given(steps=REGISTRY, seconds=st.lists(st.sampled_from([1, 20, 30, 45]), min_size=12, max_size=12))
def test_the_registry(steps: list[tuple[Any, ...]], seconds: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, clock = Store(Path(folder) / "t.sqlite3"), Clock()
        services = Services(store, clock=clock)

        async def play() -> None:
            for step, pause in zip(steps, itertools.cycle(seconds), strict=False):
                clock.pass_seconds(pause)
                try:
                    await one(services, *step)
                except (AlreadyRegistered, UnknownService):
                    continue

        asyncio.run(play())
        again = Store(Path(folder) / "t.sqlite3")
        assert list(Services(again, clock=clock)._all.values()) == list(services._all.values())
        store.close()
        again.close()


async def one(services: Services, step: str, *given: Any) -> None:
    if step == "register":
        await services.register(read(SERVICE_FIELDS, {**SERVICE, "service_id": given[0], "role": given[1]}, ("body",)))
    elif step == "heartbeat":
        await services.heartbeat(read(HEARTBEAT, {"service_id": given[0], "load": given[1]}, ("body",)))
    elif step == "promote":
        await services.promote("openai", *given)
    elif step == "deregister":
        await services.deregister(given[0])
    else:
        await services.review()
