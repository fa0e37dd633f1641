import copy
import json
import pickle
import string
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest

from polyglot_cloud import wire
from polyglot_cloud.settings.secret import Secret, read

KEY = "sk-live-0123456789"


@dataclass(frozen=True)
class Holder:
    key: Secret


DOORS: dict[str, Callable[[Secret], object]] = {
    "str": str,
    "repr": repr,
    "format": lambda secret: f"{secret} {secret:>30} {secret!r}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  an old door is a door
    "template": lambda secret: string.Template("$key").substitute(key=secret),
    "holder": lambda secret: repr(Holder(secret)),
    "asdict": lambda secret: repr(asdict(Holder(secret))),
    "copy": lambda secret: repr([copy.copy(secret), copy.deepcopy(secret)]),
    "json default": lambda secret: json.dumps({"key": secret}, default=str),
    "exception": lambda secret: repr(ValueError(secret)),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_every_door_shows_the_veil(door: Callable[[Secret], object]) -> None:
    shown = str(door(Secret(KEY)))
    assert KEY not in shown
    assert "****" in shown


@pytest.mark.parametrize(
    "door",
    [
        pickle.dumps,
        lambda secret: pickle.dumps(Holder(secret)),
        lambda secret: secret.__getstate__(),
        json.dumps,
        wire.encode,
        vars,
    ],
)
def test_what_would_write_it_down_refuses(door: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refusal:
        door(Secret(KEY))
    assert KEY not in str(refusal.value)


def test_reveal_is_the_one_way_in() -> None:
    assert Secret(KEY).reveal() == KEY


def test_equal_texts_are_equal_secrets() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("another")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


PLACEHOLDERS = [
    "sk-...",
    "sk-ant-...",
    "AIza…",
    "'sk-...'",
    "<your key>",
    "[key]",
    "{{ key }}",
    "$OPENAI_API_KEY",
    "${OPENAI_API_KEY}",
    "sk-xxxxxxxx",
    "XXXXX",
    "****",
    "your-key-here",
    "YOUR_API_KEY",
    "your key",
    "sk-your-key",
    "insert-key-here",
    "replace_me",
    "changeme",
    "change-this",
    "placeholder",
    "None",
    "null",
    "TODO",
    "OPENAI_API_KEY",
    "api-key",
    "exactly-the-example",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_is_no_key(text: str) -> None:
    reading = read(text, "exactly-the-example")
    assert reading.key is None
    assert reading.fault == "holds a placeholder, not a key"


@pytest.mark.parametrize("text", ["", "   ", "\n", '""', "' '", "\t\r\n"])
def test_blank_is_no_key(text: str) -> None:
    reading = read(text, "sk-...")
    assert (reading.key, reading.fault) == (None, "is blank")


@pytest.mark.parametrize(
    "text",
    [
        "sk-1\r\nX-Evil: 1",
        "sk-1\0",
        "sk-1\x7f",
        "sk 1",
        "Bearer sk-1",
        "sk-1 # mine",
        "sk-ä",
        "sk-\u2013",
        "sk-1\u200b",
    ],
)
def test_what_no_header_may_hold_is_no_key(text: str) -> None:
    reading = read(text, "sk-...")
    assert reading.key is None
    assert reading.fault is not None
    assert text not in reading.fault
    assert "outside ASCII" in reading.fault


@pytest.mark.parametrize("text", [f"{KEY}\n", f"  {KEY}\r\n", f'"{KEY}"', f"'{KEY}'", f' " {KEY} " ', f"`{KEY}`"])
def test_quotes_and_white_space_are_taken_off_and_said(text: str) -> None:
    reading = read(text, "sk-...")
    assert reading.key == Secret(KEY)
    assert reading.remark is not None
    assert KEY not in reading.remark


@pytest.mark.parametrize(
    "text", [KEY, "AIzaSyA-b_c", "xai-yours", "sandbox", "test", "dummy", "none-of-these", "sk-proj-x...y", '"half']
)
def test_a_key_passes_as_it_is(text: str) -> None:
    reading = read(text, "sk-...")
    assert reading.key == Secret(text)
    assert reading.fault is reading.remark is None
