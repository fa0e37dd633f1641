import asyncio
import base64
import copy
from typing import Any

import httpx
import pytest

from media.world import PDF, PNG, Body, World, png, redirect
from polyglot_cloud.app import DIALECTS
from polyglot_cloud.dialects.openai_chat import DIALECT
from polyglot_cloud.errors import BadRequest
from polyglot_cloud.media import Fetcher, Limits, inline
from polyglot_cloud.neutral import (
    Audio,
    Block,
    File,
    FileId,
    Image,
    Inline,
    Loss,
    Mark,
    Message,
    Request,
    Text,
    ToolResult,
    Url,
)

A, B, DOC = (
    "https://pictures.example/a.png",
    "https://pictures.example/b.png",
    "https://pictures.example/x/My%20doc.pdf?s=1",
)
NAMES = {"pictures.example": [["1.1.1.1"]], "inside.example": [["10.0.0.1"]]}
SENT = Inline("image/png", base64.b64encode(PNG).decode())


def nothing(block: Block) -> bool:
    return False


def world() -> World:
    pdf = httpx.Response(200, headers={"content-type": "application/octet-stream"}, content=PDF)
    return World(
        NAMES, {A: lambda _: png(), B: lambda _: png(), DOC: lambda _: httpx.Response(200, stream=Body([pdf.content]))}
    )


def user(*blocks: Block) -> Request:
    return Request("m", [Message("user", list(blocks))])


def chat(*urls: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": parts}]}


async def refused(body: dict[str, Any], fetcher: Fetcher | None) -> BadRequest:
    assert DIALECT.read_request
    with pytest.raises(BadRequest) as raised:
        await inline(DIALECT.read_request(body), nothing, fetcher, body)
    assert raised.value.status == 400
    return raised.value


async def test_every_url_is_replaced_wherever_it_stands_and_nothing_else_changes() -> None:
    marked = Mark("5m")
    request = Request(
        "m",
        [
            Message("user", [Text("a"), Image(Url(A), "high", mark=marked)], name="ada", pointer="/messages/1"),
            Message("user", [ToolResult("c1", [Text("t"), Image(Url(B)), File(Url(DOC))], is_error=True)]),
            Message("user", [File(Url(DOC), "mine.pdf"), Image(SENT), File(FileId("f1"))]),
        ],
        system=[Message("system", [Image(Url(A))])],
        stop=["x"],
    )
    before = copy.deepcopy(request)
    result, losses = await inline(request, nothing, world().fetcher(), {})
    pdf = Inline("application/pdf", base64.b64encode(PDF).decode())
    assert request == before
    assert result == Request(
        "m",
        [
            Message("user", [Text("a"), Image(SENT, "high", mark=marked)], name="ada"),
            Message("user", [ToolResult("c1", [Text("t"), Image(SENT), File(pdf, "My doc.pdf")], is_error=True)]),
            Message("user", [File(pdf, "mine.pdf"), Image(SENT), File(FileId("f1"))]),
        ],
        system=[Message("system", [Image(SENT)])],
        stop=["x"],
    )
    assert result.messages[0].pointer == "/messages/1"
    assert [loss.kind for loss in losses] == ["emulated"] * 3


async def test_a_request_that_needs_nothing_is_returned_as_it_is() -> None:
    def images(block: Block) -> bool:
        return isinstance(block, Image)

    for request in (user(Text("a"), Image(SENT)), user(Image(Url(A)))):
        result, losses = await inline(request, images, None, {})
        assert result is request
        assert losses == []


async def test_only_what_the_target_does_not_take_is_fetched() -> None:
    there = world()
    result, _ = await inline(
        user(Image(Url(A)), File(Url(DOC))), lambda block: isinstance(block, Image), there.fetcher(), {}
    )
    assert result.messages[0].blocks[0] == Image(Url(A))
    assert isinstance(result.messages[0].blocks[1], File)
    assert len(there.requests) == 1


async def test_the_same_url_is_fetched_once() -> None:
    there = world()
    result, losses = await inline(user(*(Image(Url(A)) for _ in range(9)), Image(Url(B))), nothing, there.fetcher(), {})
    assert len(there.requests) == 2
    assert len(losses) == 2
    assert result.messages[0].blocks == [Image(SENT)] * 10


@pytest.mark.parametrize("path", ["", "/", "/?a", "/a/", "/%0a", "/%07.pdf"])
async def test_a_file_gets_no_name_that_is_none(path: str) -> None:
    url = f"https://pictures.example{path}"
    there = World(NAMES, {f"https://pictures.example{path if path[:1] == '/' else '/'}": lambda _: png(PDF)})
    result, _ = await inline(user(File(Url(url))), nothing, there.fetcher(), {})
    assert isinstance(result.messages[0].blocks[0], File)
    assert result.messages[0].blocks[0].name is None


# --- bounds ---


async def test_each_use_of_a_url_counts_since_it_is_sent_that_often() -> None:
    there = world()
    limits = Limits(total=len(PNG) * 3)
    await inline(user(*[Image(Url(A))] * 3), nothing, there.fetcher(limits=limits), {})
    with pytest.raises(BadRequest) as raised:
        await inline(user(*[Image(Url(A))] * 4), nothing, there.fetcher(limits=limits), {})
    assert raised.value.code == "media_too_large"


async def test_too_many_urls_are_refused_before_any_is_fetched() -> None:
    there = world()
    urls = [f"https://pictures.example/{n}" for n in range(65)]
    error = await refused(chat(*urls), there.fetcher())
    assert (error.code, error.param) == ("too_many_urls", "messages[1].content[64].image_url.url")
    assert (there.requests, there.looked_up) == ([], [])


async def test_so_many_are_fetched_at_once_and_no_more() -> None:
    running, most, together = 0, 0, asyncio.Event()

    class Held(Body):
        async def __aiter__(self) -> Any:
            nonlocal running, most
            running, most = running + 1, max(most, running + 1)
            if running == 3:
                together.set()
            await together.wait()
            for _ in range(20):
                await asyncio.sleep(0)  # whoever else may begin does so now
            yield PNG
            running -= 1

    urls = [f"https://pictures.example/{n}" for n in range(12)]
    there = World(NAMES, {url: lambda _: httpx.Response(200, stream=Held()) for url in urls})
    await inline(user(*(Image(Url(url)) for url in urls)), nothing, there.fetcher(limits=Limits(parallel=3)), {})
    assert (most, len(there.requests)) == (3, 12)


class Silent(Body):
    async def __aiter__(self) -> Any:
        await asyncio.Event().wait()
        yield b""


async def test_the_first_that_fails_ends_the_others() -> None:
    body = Silent()
    there = World(NAMES, {A: httpx.Response(200, stream=body), B: httpx.Response(404)})
    error = await refused(chat(A, B), there.fetcher())
    assert (error.param, body.closed) == ("messages[1].content[1].image_url.url", True)


async def test_all_of_them_together_have_a_time_as_well() -> None:
    body = Silent()
    there = World(NAMES, {A: httpx.Response(200, stream=body)})
    error = await refused(chat(A), there.fetcher(limits=Limits(total_seconds=0.01)))
    assert (error.code, body.closed) == ("image_url_unreachable", True)
    assert "not all there within 0.01 seconds" in error.message


async def test_a_defect_is_not_told_as_the_clients() -> None:
    there = World(NAMES, {A: RuntimeError("ours")})
    with pytest.raises(RuntimeError, match="ours"):
        await inline(user(Image(Url(A))), nothing, there.fetcher(), {})


# --- what is told ---

TOLD: list[tuple[str, httpx.Response | None, str, str]] = [
    (A, httpx.Response(404), "image_url_unreachable", "status 404"),
    (A, httpx.Response(200, headers={"content-type": "text/html"}, content=b"<html>secret"), "unsupported_image_type", "web page"),
    (A, png(b"x" * 200), "image_too_large", "larger than 100 bytes"),
    (A, redirect("http://169.254.169.254/"), "image_url_unreachable", "from https to http"),
    (A, redirect("https://169.254.169.254/"), "blocked_address", "public internet"),
    ("http://localhost/a", None, "blocked_address", "public internet"),
    ("https://inside.example/a", None, "blocked_address", "public internet"),
    ("http://127.1/a", None, "invalid_image_url", "by a number"),
    ("https://u:p@pictures.example/a", None, "invalid_image_url", "password"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "answer", "code", "words"), TOLD)
async def test_the_client_is_told_which_of_its_parts_and_why(
    url: str, answer: httpx.Response | None, code: str, words: str
) -> None:
    there = World(NAMES, {A: answer} if answer else {})
    error = await refused(chat(url), there.fetcher(limits=Limits(item=100)))
    assert (error.code, error.param) == (code, "messages[1].content[0].image_url.url")
    assert words in error.message
    assert "data:<media type>;base64" in error.message
    for hidden in ("secret", "169.254", "10.0.0.1", "1.1.1.1", "u:p"):
        assert hidden not in error.message


async def test_fetching_may_be_turned_off() -> None:
    error = await refused(chat(A), None)
    assert (error.code, error.param) == ("media_fetch_off", "messages[1].content[0].image_url.url")
    assert "turned off" in error.message


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (chat(B, A), "/messages/1/content/1/image_url/url"),
        ({"input": [{"content": [{"type": "input_image", "image_url": A}]}]}, "/input/0/content/0/image_url"),
        ({"messages": [{"content": [{"source": {"type": "url", "url": A}}]}]}, "/messages/0/content/0/source/url"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": A}}]}]}, "/contents/0/parts/0/fileData/fileUri"),
        ({"messages": [{"content": A}, {"content": [{"text": A}, {"image_url": {"url": A}}]}]}, "/messages/1/content/1/image_url/url"),
        ({"a/b~": {"url": A}}, "/a~1b~0/url"),
        ({"messages": [{"content": "none"}]}, "/messages"),
    ],
)  # fmt: skip
async def test_a_url_is_found_in_the_clients_body(body: dict[str, Any], pointer: str) -> None:
    _, losses = await inline(user(Image(Url(A))), nothing, world().fetcher(), body)
    assert losses == [Loss(pointer, "emulated", "the gateway fetched it, since the model takes no URL here")]


# --- what each dialect takes ---

HTTP = "http://pictures.example/a.pdf"
TAKEN: list[tuple[Block, set[str]]] = [
    # block, the dialects that send its URL up as it is
    (Image(Url(A)), {"openai_chat", "openai_responses", "anthropic"}),
    (Image(Url("HTTPS://pictures.example/a")), {"openai_chat", "openai_responses", "anthropic"}),
    (Image(Url(HTTP)), {"openai_chat", "openai_responses"}),
    (File(Url(DOC)), {"openai_responses", "anthropic"}),
    (File(Url("https://pictures.example/a.PDF#page=2")), {"openai_responses", "anthropic"}),
    (File(Url("https://pictures.example/a.txt?b=.pdf")), {"openai_responses"}),
    (File(Url(HTTP)), {"openai_responses"}),
    (Text("https://pictures.example/a.png"), {"openai_chat", "openai_responses", "anthropic", "gemini"}),
]


@pytest.mark.parametrize(("block", "names"), TAKEN)
def test_which_dialect_takes_which_url(block: Block, names: set[str]) -> None:
    assert {name for name, dialect in DIALECTS.items() if dialect.write_request and dialect.takes_url(block)} == names


def test_audio_is_data_where_it_is_taken_at_all() -> None:
    assert not DIALECTS["gemini"].takes_url(Audio(Url(A)))
    assert not DIALECTS["openai_chat"].takes_url(Audio(Url(A)))
