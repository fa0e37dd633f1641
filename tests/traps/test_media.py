"""Traps 9 and 10: images, files and audio of a Chat client on their way to each cloud. What a cloud has to be fetched for is not here."""

import base64
from typing import Any

import pytest

from polyglot_cloud.dialects.anthropic import DIALECT as ANTHROPIC
from polyglot_cloud.dialects.openai_chat import DIALECT as CHAT
from polyglot_cloud.errors import Unsupported
from polyglot_cloud.rows import Destination, Model, Quirks
from traps.clouds import LOOKUP, MODES, Exchange, Json, ask, each_model, plain, replied, text_of


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


ENDING = b"\xff\xff\xff" + b"\x00".join([b"\xfb\xef\xbe"] * 3)
PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + ENDING,
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + ENDING,
    "image/gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + ENDING,
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8 " + ENDING,
    "image/heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1" + ENDING,
    "image/bmp": b"BM\x1e\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00" + ENDING,
}
"""How each format begins (their specifications), and bytes whose base64 has + and / in it."""
PNG = encoded(PICTURES["image/png"])
PDF = encoded(b"%PDF-1.7\n%" + ENDING)
WORD = encoded(b"PK\x03\x04 a document of Word")
SOUND = encoded(b"RIFF\x24\x00\x00\x00WAVEfmt " + ENDING)

MODELS = {
    "claude-haiku-4-5": "anthropic", "claude-opus-5-5": "anthropic", "gemini-3.8-flash": "gemini", "gemini-2.5-flash": "gemini",
    "gpt-5.5-pro": "openai", "gpt-6.1-sol": "openai", "grok-build-0.1": "grok",
}  # fmt: skip
EACH = pytest.mark.parametrize("model", MODELS)
NOT_GEMINI = pytest.mark.parametrize("model", [model for model, provider in MODELS.items() if provider != "gemini"])
BRIEF = {"role": "developer", "content": "Be brief."}


def picture(url: str, **more: Any) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(**members: Any) -> Json:
    return {"type": "file", "file": members}


def sound(**members: Any) -> Json:
    return {"type": "input_audio", "input_audio": members}


async def told(model: str, *parts: Json, messages: list[Json] | None = None, **more: Any) -> Exchange:
    """A user's message of these parts, in a call that each of the clouds but Chat's own dialect gets translated."""
    provider = MODELS[model]
    reply = replied(provider, text_of(provider, "I see.", model), stream=bool(more.get("stream")))
    said = messages or [{"role": "user", "content": [{"type": "text", "text": "look"}, *parts]}]
    return await ask(model, reply, messages=[*([BRIEF] if provider == "grok" else []), *said], tools=[LOOKUP], **more)


async def sent(model: str, *parts: Json, **more: Any) -> list[Json]:
    """What became of these parts."""
    got = await told(model, *parts, **more)
    assert (got.answer.status, got.answer.message.get("content")) == (200, "I see."), got.answer.raw
    return user_parts(model, got)[1:]


def user_parts(model: str, got: Exchange) -> list[Json]:
    members = {"anthropic": ("messages", "content"), "gemini": ("contents", "parts")}
    messages, content = members.get(MODELS[model], ("input", "content"))
    last = got.sent[messages][-1]
    assert last["role"] == "user"
    found = last[content]
    assert isinstance(found, list)
    return found


async def refused(model: str, *parts: Json, **more: Any) -> Json:
    """The error, in OpenAI's shape, of a call that was not sent."""
    got = await told(model, *parts, **more)
    assert (got.answer.status, got.request) == (400, None), got.answer.raw
    assert got.answer.error is not None
    assert got.answer.error.keys() == {"message", "type", "param", "code"}
    assert got.answer.error["type"] == "invalid_request_error"
    assert got.answer.error["param"]
    return got.answer.error


def inline(model: str, media_type: str, data: str, detail: str = "auto") -> Json:
    match MODELS[model]:
        case "anthropic":
            return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
        case "gemini":
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case _:
            return {"type": "input_image", "image_url": f"data:{media_type};base64,{data}", "detail": detail}


# --- 9. images ---


@MODES
@NOT_GEMINI
async def test_trap_09_an_https_address_goes_up_as_it_is(model: str, stream: bool) -> None:
    (part,) = await sent(model, picture("https://images.example/cat.png?a=1&b=%20"), stream=stream)
    url = "https://images.example/cat.png?a=1&b=%20"
    if MODELS[model] == "anthropic":
        assert part == {"type": "image", "source": {"type": "url", "url": url}}
    else:
        assert part == {"type": "input_image", "image_url": url, "detail": "auto"}


@pytest.mark.parametrize("url", ["ftp://x/y.png", "file:///etc/passwd", "cat.png", "", "gs://bucket/cat.png"])
@EACH
async def test_trap_09_what_is_no_address_and_no_data_is_refused(model: str, url: str) -> None:
    if MODELS[model] in {"anthropic", "gemini"}:
        error = await refused(model, picture(url))
        assert (error["param"], error["code"]) == ("messages[0].content[1].image_url.url", "invalid_image_url")
    else:
        assert (await told(model, picture(url))).request is None


def test_trap_09_anthropic_is_handed_no_address_without_tls() -> None:
    """It answers 400 to one; whoever fetches what is behind it does so before the request is written."""
    assert CHAT.read_request
    assert ANTHROPIC.write_request
    said = [{"role": "user", "content": [picture("http://images.example/cat.png")]}]
    request = CHAT.read_request({"model": "m", "messages": said})
    with pytest.raises(Unsupported, match="not https"):
        ANTHROPIC.write_request(request, Destination("anthropic", "m", Quirks()))


SPELLINGS = {
    "plain": f"data:image/png;base64,{PNG}",
    "a parameter": f"data:image/png;charset=utf-8;base64,{PNG}",
    "upper case": f"DATA:IMAGE/PNG;BASE64,{PNG}",
    "spaces and lines": f"  data: image/png ; base64,\n{PNG[:8]}\r\n {PNG[8:]}\n",
    "url-safe": f"data:image/png;base64,{PNG.replace('+', '-').replace('/', '_')}",
    "no padding": f"data:image/png;base64,{PNG.rstrip('=')}",
    "percent signs": f"data:image/png;base64,{PNG.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}",
    "a wrong label": f"data:image/jpeg;base64,{PNG}",
    "another wrong label": f"data:application/octet-stream;base64,{PNG}",
    "no label": f"data:;base64,{PNG}",
    "an old label": f"data:image/x-png;base64,{PNG}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@EACH
async def test_trap_09_every_spelling_of_a_data_url_is_the_same_image(model: str, spelling: str) -> None:
    assert "+" in PNG
    assert await sent(model, picture(SPELLINGS[spelling])) == [inline(model, "image/png", PNG)]


TAKEN = {
    "anthropic": {"image/png", "image/jpeg", "image/gif", "image/webp"},
    "grok": {"image/png", "image/jpeg", "image/webp"},
    "gemini": set(PICTURES),  # no list is known
    "openai": set(PICTURES),
}


@pytest.mark.parametrize("media_type", PICTURES)
@EACH
async def test_trap_09_the_bytes_say_what_an_image_is_and_whether_the_cloud_takes_it(
    model: str, media_type: str
) -> None:
    data = encoded(PICTURES[media_type])
    label = media_type if media_type == "image/bmp" else "image/png"  # the last has no bytes that are looked for
    part = picture(f"data:{label};base64,{data}")
    if media_type in TAKEN[MODELS[model]]:
        assert await sent(model, part) == [inline(model, media_type, data)]
    else:
        error = await refused(model, part)
        assert (error["param"], error["code"]) == ("messages", "unsupported_parameter")
        assert "image/png" in error["message"]


@each_model("grok")
async def test_trap_09_no_grok_takes_a_gif(row: Model) -> None:
    part = picture(f"data:image/gif;base64,{encoded(PICTURES['image/gif'])}")
    got = await ask(row.id, None, messages=[BRIEF, {"role": "user", "content": [part]}])
    assert (got.answer.status, got.request) == (400, None)


@pytest.mark.parametrize("detail", ["low", "high", "original", "auto"])
@EACH
async def test_trap_09_detail_is_openais_and_xais_alone(model: str, detail: str) -> None:
    got = await told(model, picture(f"data:image/png;base64,{PNG}", detail=detail))
    assert user_parts(model, got)[1] == inline(model, "image/png", PNG, detail)
    told_as_dropped = "/messages" in got.answer.dropped
    assert told_as_dropped is (MODELS[model] in {"anthropic", "gemini"} and detail != "auto")


@pytest.mark.parametrize(
    "url",
    ["data:image/png;base64,A!AA", "data:image/png;base64,A", "data:image/png", "data:image/png;base64,", "data:,"],
)
@EACH
async def test_trap_09_broken_or_empty_data_is_refused_in_its_place(model: str, url: str) -> None:
    if MODELS[model] in {"anthropic", "gemini"}:
        assert (await refused(model, picture(url)))["param"] == "messages[0].content[1].image_url.url"
    else:
        got = await told(model, picture(url))
        assert got.request is None or "responses" not in got.request.url.path  # it may be for the vendor to say


@EACH
async def test_trap_09_images_of_a_tool_result_stay_with_it(model: str) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    shown = [{"type": "text", "text": "a chart"}, picture(f"data:image/png;base64,{PNG}")]
    messages: list[Json] = [
        {"role": "user", "content": "draw"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": shown},
    ]
    got = await told(model, messages=messages)
    image = inline(model, "image/png", PNG)
    match MODELS[model]:
        case "anthropic":
            (result,) = user_parts(model, got)
            assert result["content"] == [{"type": "text", "text": "a chart"}, image]
        case "gemini":
            answer, after = user_parts(model, got)
            assert answer["functionResponse"]["response"] == {"result": "a chart"}
            assert after == image
        case _:
            last = got.sent["input"][-1]
            assert last["type"] == "function_call_output"
            assert last["output"] == [{"type": "input_text", "text": "a chart"}, image]


# --- 10. files ---


def document(model: str, media_type: str, data: str, name: str) -> Json:
    match MODELS[model]:
        case "anthropic":
            source = {"type": "base64", "media_type": media_type, "data": data}
            return {"type": "document", "source": source, "title": name}
        case "gemini":
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case _:
            return {"type": "input_file", "filename": name, "file_data": f"data:{media_type};base64,{data}"}


@pytest.mark.parametrize(
    "data",
    [
        f"data:application/pdf;base64,{PDF}",
        f"data:application/octet-stream;base64,{PDF}",
        f"data:application/pdf;name=a.pdf;base64,{PDF.replace('+', '-').replace('/', '_').rstrip('=')}",
        PDF,
    ],
    ids=["data url", "wrong label", "url-safe", "bare base64"],
)
@MODES
@EACH
async def test_trap_10_a_pdf_is_what_each_cloud_takes_one_as(model: str, data: str, stream: bool) -> None:
    found = await sent(model, file(file_data=data, filename="a.pdf"), stream=stream)
    assert found == [document(model, "application/pdf", PDF, "a.pdf")]


@EACH
async def test_trap_10_a_name_that_has_no_place_is_told(model: str) -> None:
    got = await told(model, file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf"))
    assert ("/messages" in got.answer.dropped) is (MODELS[model] == "gemini")


@EACH
async def test_trap_10_a_file_without_a_name_gets_one_where_it_must_have_one(model: str) -> None:
    (part,) = await sent(model, file(file_data=f"data:application/pdf;base64,{PDF}"))
    if MODELS[model] in {"openai", "grok"}:
        assert part["filename"].endswith(".pdf")
    else:
        assert "title" not in part


@pytest.mark.parametrize("media_type", ["text/plain", "text/markdown", "text/csv;charset=utf-8", "application/json"])
@EACH
async def test_trap_10_a_text_file_is_text(model: str, media_type: str) -> None:
    data = encoded('{"grüße": 1}'.encode())
    (part,) = await sent(model, file(file_data=f"data:{media_type};base64,{data}", filename="a.txt"))
    match MODELS[model]:
        case "anthropic":
            assert part["source"] == {"type": "text", "media_type": "text/plain", "data": '{"grüße": 1}'}
        case "gemini":
            assert part["inlineData"]["data"] == data
            assert part["inlineData"]["mimeType"].startswith("text/")
        case _:
            assert part["file_data"].endswith(f";base64,{data}")


@pytest.mark.parametrize("data", [encoded("grüße".encode("latin-1")), WORD])
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5-5"])
async def test_trap_10_what_anthropic_cannot_read_is_refused(model: str, data: str) -> None:
    label = "application/vnd.openxmlformats-officedocument" if data == WORD else "text/plain"
    assert "messages[0]" in (await refused(model, file(file_data=f"data:{label};base64,{data}")))["message"]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({}, "file_data"),
        ({"filename": "a.pdf"}, "file_data"),
        ({"file_data": "data:application/pdf;base64,", "filename": "a.pdf"}, "file_data"),
        ({"file_data": "data:application/pdf;base64,!", "filename": "a.pdf"}, "file_data"),
        ({"file_data": PDF}, "file_data"),
        ({"file_data": 1}, "file_data"),
        ({"file_id": 1}, "file_id"),
    ],
)
@pytest.mark.parametrize("model", ["claude-opus-5-5", "gemini-3.8-flash"])
async def test_trap_10_a_file_that_is_none_is_refused_in_its_place(model: str, members: Json, param: str) -> None:
    assert (await refused(model, file(**members)))["param"] == f"messages[0].content[1].file.{param}"


OPENAIS, CLAUDES, GEMINIS = (
    "file-6F2ksmvXxt4VdoqmHRw6kL",
    "file_011CNha8iCJcU1wXNR6q4V8w",
    "https://files.example/v1beta/files/abc",
)


@EACH
async def test_trap_10_a_file_id_goes_to_the_vendor_that_keeps_the_file(model: str) -> None:
    match MODELS[model]:
        case "anthropic":
            found = await sent(model, file(file_id=CLAUDES))
            assert found == [{"type": "document", "source": {"type": "file", "file_id": CLAUDES}}]
        case "gemini":
            assert await sent(model, file(file_id=GEMINIS)) == [{"fileData": {"fileUri": GEMINIS}}]
        case _:
            assert await sent(model, file(file_id=OPENAIS)) == [{"type": "input_file", "file_id": OPENAIS}]


@EACH
async def test_trap_10_an_id_in_another_vendors_form_goes_nowhere(model: str) -> None:
    foreign = {"anthropic": [OPENAIS, GEMINIS], "gemini": [OPENAIS, CLAUDES]}.get(MODELS[model], [GEMINIS])
    for identity in foreign:
        error = await refused(model, file(file_id=identity))
        assert error["code"] == "unsupported_parameter"
        assert identity in error["message"]


@pytest.mark.parametrize(
    "part", [file(file_id=CLAUDES), file(file_data=f"data:application/pdf;base64,{PDF}"), picture("https://x/y.png")]
)
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5-5", "gemini-3.8-flash"])
async def test_trap_10_no_document_stands_in_an_assistant_turn(model: str, part: Json) -> None:
    messages: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "here"}, part]},
        {"role": "user", "content": "so?"},
    ]
    assert (await refused(model, messages=messages))["param"] == "messages[1].content[1].type"


@pytest.mark.parametrize("kind", ["document", "image", "text"])
async def test_trap_10_nor_does_one_come_in_by_what_a_client_says_was_handed_to_it(kind: str) -> None:
    model = "claude-opus-5-5"
    block = {"type": kind, "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    detail = {
        "type": "opaque",
        "index": 0,
        "dialect": "anthropic",
        "data": block,
        "provider": "anthropic",
        "model": model,
    }
    messages: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "here", "reasoning_details": [{**detail, "state": {}}]},
        {"role": "user", "content": "so?"},
    ]
    await refused(model, messages=messages)


# --- 10. audio ---


@pytest.mark.parametrize("format_", ["wav", "mp3"])
@each_model("gemini")
async def test_trap_10_gemini_hears(row: Model, format_: str) -> None:
    part = sound(data=SOUND, format=format_)
    got = await ask(row.id, plain(text_of("gemini", "I hear.", row.id)), messages=[{"role": "user", "content": [part]}])
    assert got.sent["contents"][0]["parts"] == [{"inlineData": {"mimeType": f"audio/{format_}", "data": SOUND}}]


@each_model("openai", "anthropic", "grok")
async def test_trap_10_nobody_else_here_does_and_is_not_asked(row: Model) -> None:
    """The catalog has none of OpenAI's audio models."""
    assert "audio" not in row.modalities_in
    got = await ask(row.id, None, messages=[{"role": "user", "content": [sound(data=SOUND, format="wav")]}])
    assert (got.answer.status, got.request) == (400, None)
    assert got.answer.error is not None
    named = {name: got.answer.error[name] for name in ("type", "param", "code")}
    assert named == {"type": "invalid_request_error", "param": "messages", "code": "unsupported_parameter"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"data": SOUND}, "format"),
        ({"data": SOUND, "format": "ogg"}, "format"),
        ({"format": "wav"}, "data"),
        ({"data": "", "format": "wav"}, "data"),
        ({"data": "!", "format": "wav"}, "data"),
    ],
)
async def test_trap_10_audio_that_is_none_is_refused_in_its_place(members: Json, param: str) -> None:
    error = await refused("gemini-3.8-flash", sound(**members))
    assert error["param"] == f"messages[0].content[1].input_audio.{param}"


@EACH
async def test_trap_10_what_was_said_aloud_in_an_earlier_answer_is_not_at_hand(model: str) -> None:
    messages: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        {"role": "user", "content": "so?"},
    ]
    got = await told(model, messages=messages)
    assert (got.answer.status, got.request) == (400, None)
