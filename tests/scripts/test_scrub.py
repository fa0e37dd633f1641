"""The scrubber: what goes, what stays, and that a key never passes."""

import base64
import json
from urllib.parse import quote

import pytest
from scripts.recording.scrub import IDS, RULES, Scrubber, SecretFound, left, refuse_keys

MARKS = {
    **{prefix: f'"{prefix}aB3dE6gH9jK2'.encode() for prefix in IDS},
    "key": b"Incorrect API key provided: sk-proj-****wxyz. See",
    "Gemini reply": b'"responseId": "kQ1iaf7kEd2zvdIP0pSxmAE"',
    "Gemini call": b'{"id":"a1b2c3d4","name"',
    "Google project": b'"consumer":"projects/872340912345"',
    "UUID": b"Your team 6f1d2c3b-4a59-4e68-9b7a-0c1d2e3f4a5b has",
    "e-mail": b"write to ada.lovelace+x@analytical.example.org please",
    "address": b"blocked: 203.0.113.77.",
}


@pytest.mark.parametrize("name", RULES)
def test_each_mark_is_blanked_and_keeps_its_shape(name: str) -> None:
    text = MARKS[name]
    mark = RULES[name].search(text)
    assert mark
    scrubbed = Scrubber().body(text)
    assert mark["mark"] not in scrubbed
    assert len(scrubbed) == len(text)
    assert scrubbed[: mark.start("mark")] == text[: mark.start("mark")]
    assert [sign for sign in scrubbed if not chr(sign).isalnum()] == [sign for sign in text if not chr(sign).isalnum()]
    assert list(left(text))
    assert not list(left(scrubbed))


def test_equal_marks_stay_equal_and_different_ones_different() -> None:
    scrubber = Scrubber()
    first = scrubber.body(b"req_aaaaaaaaa1aa req_bbbbbbbbb1bb req_aaaaaaaaa1aa")
    assert first == b"req_000000000001 req_000000000002 req_000000000001"
    assert scrubber.body(first) == first


def test_numbers_begin_anew_but_what_was_seen_stays_what_it_was() -> None:
    scrubber = Scrubber()
    assert scrubber.body(b"call_aaaaaaaa1a") == b"call_0000000001"
    assert scrubber.body(b"call_bbbbbbbb1b") == b"call_0000000001"
    assert scrubber.body(b"call_cccccccc1c call_aaaaaaaa1a") == b"call_0000000002 call_0000000001"


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"gpt-6-luna","name":"call_back","user_prompt":"an org_chart","id":"get_weather","call_id":null}',
        b'"signature":"EqQBCgIYAhIM1xorg-Ab3dE6gH9jK2req_011CSHoEeqs5C35K2UUqR7Fy=="',
        b"version 1.2.3, at 10:20, 1.5e3, a request_id, my organization",
    ],
)
def test_what_tells_of_nobody_stays(text: bytes) -> None:
    assert Scrubber().body(text) == text


def test_what_the_settings_name_goes_wherever_it_stands() -> None:
    assert Scrubber(["acme-prod", "x"]).body(b"x of acme-prod here") == b"x of 0000-0001 here"


def test_only_headers_that_are_allowed_are_kept() -> None:
    headers = {
        "content-type": "application/json",
        "x-ratelimit-remaining-tokens": "9",
        "anthropic-ratelimit-tokens-limit": "80000",
        "request-id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        "x-request-id": "8f3a2b",
        "retry-after": "2",
        "anthropic-organization-id": "6f1d2c3b-4a59-4e68-9b7a-0c1d2e3f4a5b",
        "openai-organization": "acme",
        "openai-project": "proj_9zY8xW7vU6t",
        "set-cookie": "a=b",
        "cf-ray": "9a-ZRH",
        "authorization": "Bearer x",
    }
    assert Scrubber().headers(headers) == {
        "anthropic-ratelimit-tokens-limit": "80000",
        "content-type": "application/json",
        "request-id": "req_000000000000000000000001",
        "retry-after": "2",
        "x-ratelimit-remaining-tokens": "9",
        "x-request-id": "000001",
    }


# --- keys ---

KEY = "kq-Zt5/8Yw+2Lm9Px3Rn7Vb4Jc6Hd1Gf0As"


@pytest.mark.parametrize(
    "data",
    [
        KEY.encode(),
        b"..." + KEY[4:22].encode() + b"...",
        json.dumps({"a": [KEY]}).replace("/", "\\/").encode(),
        b'{"a":"' + b"".join(rb"\u%04x" % ord(sign) for sign in KEY) + b'"}',
        json.dumps({KEY: 1}).encode().replace(b"Z", rb"\u005a"),
        b'data: {"t":"' + KEY[:9].encode() + b'"}\n\ndata: {"t":"' + KEY[9:].encode() + b'"}\n\n',
        f"https://x.example/?key={quote(KEY, safe='')}".encode(),
        base64.b64encode(KEY.encode()),
    ],
    ids=["bare", "part", "escaped slash", "escaped", "as a name", "over two events", "in a URL", "base64"],
)
def test_a_key_is_never_let_through(data: bytes) -> None:
    with pytest.raises(SecretFound, match=r"text/response\.json"):
        refuse_keys(data, ["another-key-of-the-settings", KEY], "text/response.json")


@pytest.mark.parametrize("data", [b"", b"{", b'{"a":"kq-Zt5/8"}', b"data: {}\n\n"])
def test_what_holds_no_key_passes(data: bytes) -> None:
    refuse_keys(data, [KEY], "text")
