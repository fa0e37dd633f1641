import asyncio
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_address

import httpx
import pytest

from media.hostile import CLOSED, REFUSED
from media.world import PNG, Answer, Body, World, png, redirect
from polyglot_cloud.addresses import Address
from polyglot_cloud.media.fetching import Allowance, Fetched, Fetcher, Limits, NotFetched, Resolver

PICTURE = "https://pictures.example/a.png"
NAMES = {
    "pictures.example": [["1.1.1.1"]],
    "other.example": [["8.8.8.8"]],
    "inside.example": [["10.0.0.1"]],
    "mixed.example": [["1.1.1.1", "169.254.169.254"]],
}


async def fetch(
    answers: Mapping[str, Answer],
    url: str = PICTURE,
    *allowed: str,
    names: Mapping[str, list[list[str]]] = NAMES,
    limits: Limits | None = None,
) -> tuple[Fetched, World]:
    world = World(names, answers)
    return await world.fetcher(*allowed, limits=limits).fetch(url, Allowance(2**60)), world


async def refused(answers: Mapping[str, Answer], url: str = PICTURE, *, limits: Limits | None = None) -> NotFetched:
    with pytest.raises(NotFetched) as raised:
        await fetch(answers, url, limits=limits)
    return raised.value


# --- what goes out ---


async def test_it_is_asked_for_at_the_address_that_was_judged_in_the_name_that_was_given() -> None:
    fetched, world = await fetch(
        {"https://pictures.example:8443/a%20b.png?c": png()}, "https://Pictures.example:8443/a b.png?c#d"
    )
    assert fetched == Fetched(PNG, "image/png")
    (request,) = world.requests
    assert str(request.url) == "https://1.1.1.1:8443/a%20b.png?c"
    assert request.extensions["sni_hostname"] == "pictures.example"
    assert request.method == "GET"
    assert dict(request.headers) == {
        "host": "pictures.example:8443",
        "user-agent": "polyglot-cloud",
        "accept": "image/jpeg, image/png, image/webp, image/gif, application/pdf, text/plain, */*;q=0.5",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_a_name_is_looked_up_once_so_that_it_cannot_move_before_the_connection() -> None:
    names = {"pictures.example": [["1.1.1.1"], ["127.0.0.1"]]}
    _, world = await fetch({PICTURE: png()}, names=names)
    assert (world.looked_up, world.connected) == (["pictures.example"], ["1.1.1.1"])


async def test_a_name_that_moves_between_two_redirects_is_judged_anew() -> None:
    world = World({"pictures.example": [["1.1.1.1"], ["127.0.0.1"]]}, {PICTURE: redirect("/b.png")})
    with pytest.raises(NotFetched) as raised:
        await world.fetcher().fetch(PICTURE, Allowance(10_000))
    assert raised.value.code == "blocked_address"
    assert world.connected == ["1.1.1.1"]


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if ":" in request.url.host:
            raise httpx.ConnectError("no route")
        return png()

    names = {"pictures.example": [["2606:4700::1", "2606:4700::1", "1.1.1.1", "8.8.8.8"]]}
    _, world = await fetch({PICTURE: answer}, names=names)
    assert world.connected == ["2606:4700::1", "1.1.1.1"]
    assert str(world.requests[0].url) == "https://[2606:4700::1]/a.png"


async def test_not_every_address_of_a_long_list_is_tried() -> None:
    world = World(
        {"pictures.example": [[f"1.1.1.{n}" for n in range(1, 200)]]}, {PICTURE: httpx.ConnectTimeout("slow")}
    )
    with pytest.raises(NotFetched) as raised:
        await world.fetcher().fetch(PICTURE, Allowance(10_000))
    assert (raised.value.code, len(world.requests)) == ("{kind}_url_unreachable", 3)


# --- where it may not go ---

SPELLINGS = [f"http://[{text}]/" if ":" in text else f"http://{text}/" for text in CLOSED]
SPELLINGS += [url for url, _ in REFUSED]


@pytest.mark.parametrize("url", SPELLINGS)
async def test_no_spelling_of_an_inner_address_is_connected_to(url: str) -> None:
    """The resolver here is the most careless one: it takes everything for this machine."""
    reached: list[str] = []

    async def careless(host: str, port: int) -> list[Address]:
        return [ip_address("127.0.0.1")]

    def connect() -> httpx.AsyncBaseTransport:
        reached.append(url)
        return httpx.MockTransport(lambda request: png())

    with pytest.raises(NotFetched) as raised:
        await Fetcher(resolve=careless, connect=connect).fetch(url, Allowance(10_000))
    assert raised.value.code in {"blocked_address", "invalid_{kind}_url"}
    assert reached == []


async def test_a_name_that_is_not_there_and_one_that_leads_inside_are_told_alike() -> None:
    urls = [
        "https://nowhere.example/",
        "https://inside.example/",
        "https://mixed.example/",
        "http://10.0.0.1/",
        "http://[::1]/",
    ]
    told = [await refused({}, url) for url in [*urls, "https://pictures.example:22/"]]
    told.append(await refused({PICTURE: redirect("https://inside.example/")}))
    assert {(error.code, error.reason) for error in told} == {(told[0].code, told[0].reason)}
    assert told[0].code == "blocked_address"


async def test_an_operator_may_open_what_is_inside() -> None:
    _, world = await fetch(
        {"http://inside.example:81/a.png": png()}, "http://inside.example:81/a.png", "inside.example"
    )
    assert world.connected == ["10.0.0.1"]
    _, world = await fetch({"http://10.0.0.1/": png()}, "http://10.0.0.1/", "10.0.0.0/8")
    assert world.looked_up == []


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "https://127.0.0.1:8100/", "https://[::1]/", "https://[::ffff:a00:1]/",
        "//inside.example/", "https://inside.example/", "https://mixed.example/", "https://nowhere.example/", "http://pictures.example/",
        "file:///etc/passwd", "ftp://pictures.example/", "gopher://pictures.example:70/_", "data:image/png;base64,aaaa", "https://u@other.example/",
        "https://2130706433/", "https://pictures.example:25/", "https://exa\tmple/", "\\\\10.0.0.1\\",
    ],
)  # fmt: skip
async def test_no_redirect_leads_elsewhere(location: str) -> None:
    for chain in (
        {PICTURE: redirect(location)},
        {PICTURE: redirect("/b"), "https://pictures.example/b": redirect(location)},
    ):
        world = World(NAMES, chain)
        with pytest.raises(NotFetched):
            await world.fetcher().fetch(PICTURE, Allowance(10_000))
        assert set(world.connected) == {"1.1.1.1"}
        assert len(world.requests) == len(chain)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_by_hand(status: int) -> None:
    answers: dict[str, Answer] = {
        PICTURE: redirect("b.png?x", status),
        "https://pictures.example/b.png?x": redirect("https://other.example/c.png"),
        "https://other.example/c.png": redirect("//pictures.example/d.png"),
        "https://pictures.example/d.png": png(),
    }
    fetched, world = await fetch(answers)
    assert fetched.data == PNG
    assert world.connected == ["1.1.1.1", "1.1.1.1", "8.8.8.8", "1.1.1.1"]
    assert [request.extensions["sni_hostname"] for request in world.requests][2] == "other.example"


async def test_a_redirect_too_many() -> None:
    world = World(NAMES, {PICTURE: redirect(PICTURE)})
    with pytest.raises(NotFetched, match="more than 3 times"):
        await world.fetcher().fetch(PICTURE, Allowance(10_000))
    assert len(world.requests) == 4


# --- what comes back ---


@pytest.mark.parametrize("status", [100, 201, 204, 206, 300, 304, 400, 401, 403, 404, 500, 503])
async def test_anything_but_200_is_an_error(status: int) -> None:
    error = await refused({PICTURE: httpx.Response(status, stream=Body([PNG]))})
    assert (error.code, str(status) in error.reason) == ("{kind}_url_unreachable", True)


async def test_a_redirect_that_does_not_say_where_to() -> None:
    assert "302" in (await refused({PICTURE: httpx.Response(302)})).reason


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"])
async def test_what_is_compressed_is_not_unpacked(encoding: str) -> None:
    body = Body()
    error = await refused({PICTURE: httpx.Response(200, headers={"content-encoding": encoding}, stream=body)})
    assert "compressed" in error.reason
    assert (body.read, body.closed) == (0, True)


async def test_an_identity_encoding_is_none() -> None:
    fetched, _ = await fetch(
        {PICTURE: httpx.Response(200, headers={"content-encoding": "Identity"}, stream=Body([PNG]))}
    )
    assert fetched.data == PNG


SMALL = Limits(item=5000)


async def test_a_size_that_is_declared_too_large_is_not_read() -> None:
    body = Body()
    answer = httpx.Response(200, headers={"content-length": "5001"}, stream=body)
    assert (await refused({PICTURE: answer}, limits=SMALL)).code == "{kind}_too_large"
    assert (body.read, body.closed) == (0, True)


async def test_an_endless_body_is_given_up_at_its_limit() -> None:
    body = Body()
    assert (await refused({PICTURE: httpx.Response(200, stream=body)}, limits=SMALL)).code == "{kind}_too_large"
    assert (body.read, body.closed) == (5 * 1024, True)


async def test_a_body_of_the_very_limit_is_taken() -> None:
    fetched, _ = await fetch({PICTURE: png(bytes(5000), **{"content-length": "5000"})}, limits=SMALL)
    assert len(fetched.data) == 5000


async def test_all_fetches_of_a_call_share_an_allowance() -> None:
    world = World(NAMES, {PICTURE: lambda request: png(bytes(600))})
    fetcher, allowance = world.fetcher(), Allowance(2000)
    await fetcher.fetch(PICTURE, allowance, uses=2)
    await fetcher.fetch(PICTURE, allowance)
    with pytest.raises(NotFetched) as raised:
        await fetcher.fetch(PICTURE, allowance)
    assert raised.value.code == "media_too_large"


async def test_an_empty_body_is_an_error() -> None:
    assert "empty" in (await refused({PICTURE: png(b"")})).reason


@pytest.mark.parametrize(
    "broken", [httpx.ReadError("x"), httpx.RemoteProtocolError("x"), httpx.ReadTimeout("x"), httpx.InvalidURL("x")]
)
async def test_a_broken_connection_is_an_error_without_its_words(broken: Exception) -> None:
    error = await refused({PICTURE: broken})
    assert (error.code, error.reason) == ("{kind}_url_unreachable", "The connection broke, or the answer was not HTTP.")


class Drip(Body):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"."


async def test_a_server_that_drips_runs_out_of_time() -> None:
    body = Drip()
    error = await refused({PICTURE: httpx.Response(200, stream=body)}, limits=Limits(item=2**60, seconds=0.01))
    assert (error.code, error.reason) == ("{kind}_url_unreachable", "It was not there within 0.01 seconds.")
    assert body.closed


async def test_one_time_holds_for_the_name_and_all_redirects() -> None:
    async def never(host: str, port: int) -> list[Address]:
        await asyncio.Event().wait()
        raise AssertionError

    fetcher = Fetcher(resolve=never, limits=Limits(seconds=0))
    with pytest.raises(NotFetched, match="not there within 0 seconds"):
        await fetcher.fetch(PICTURE, Allowance(10_000))


async def test_whoever_leaves_closes_what_is_open() -> None:
    body, begun = Drip(), asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        begun.set()
        return httpx.Response(200, stream=body)

    world = World(NAMES, {PICTURE: answer})
    task = asyncio.create_task(world.fetcher(limits=Limits(item=2**60)).fetch(PICTURE, Allowance(2**60)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert body.closed


async def test_the_systems_resolver_is_asked_in_a_thread() -> None:
    assert [str(found) for found in set(await Resolver()("127.0.0.1", 80))] == ["127.0.0.1"]
    with pytest.raises(UnicodeError):
        await Resolver()("a" * 70, 80)
