"""Our rule of thumb for tokens: only its proportions matter."""

from polyglot_cloud import token_estimate
from polyglot_cloud.neutral import (
    ArgumentsDelta,
    Closed,
    Image,
    Message,
    RefusalDelta,
    Request,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolResult,
    Url,
    Usage,
)
from polyglot_cloud.token_estimate import MEDIA, TURN, Spent, of_request, of_text


def test_text_counts_by_its_bytes() -> None:
    assert [of_text(text) for text in ("", "a", "abcd", "abcde", "éé", "\ud800")] == [0, 1, 1, 2, 1, 1]


def test_a_request_counts_all_that_it_says() -> None:
    image = Image(Url("https://e.com/a.png"))
    turns = [
        Message("user", [Text("abcd"), image]),
        Message("assistant", [Thinking("abcd"), ToolCall("c", "name", "{}aa")]),
        Message("user", [ToolResult("c", [Text("abcd"), image])]),
    ]
    bare = of_request(Request("m", turns, system=[Message("system", [Text("abcd")])]))
    assert bare == 4 * TURN + 1 + (1 + MEDIA) + (1 + 1 + 1) + (TURN + 1 + MEDIA)
    assert of_request(Request("m", turns, tools=[Tool("f", "d", {"type": "object"})])) > bare - TURN


def test_an_answer_counts_what_it_showed() -> None:
    spent = Spent(9)
    for event in (
        TextDelta(0, "ab"), RefusalDelta(0, "c"), ArgumentsDelta(1, "de"), ThinkingDelta(2, "abcde"), Closed(0),
    ):  # fmt: skip
        spent.see(event)
    assert spent.usage(None) == Usage(9, 4, reasoning=2, estimated=True)
    assert spent.usage(Usage(3, 4, reasoning=0)) == Usage(3, 4)
    assert spent.usage(Usage(3, 1, cached=1)) == Usage(3, 4, cached=1, reasoning=2, estimated=True)
    assert token_estimate.BYTES_A_TOKEN == 4


def test_a_body_is_its_words_and_the_names_of_its_members_and_its_media() -> None:
    assert token_estimate.of_body({"ab": ["cdef", 1, None, {"g": "h"}]}) == 2
    picture = "A" * 300
    assert token_estimate.of_body({"data": picture}) == 1 + token_estimate.MEDIA
    assert token_estimate.of_body({"data": "data:image/png;base64," + picture}) == 1 + token_estimate.MEDIA
    assert token_estimate.of_body({"image_url": {"url": picture}}) == 3 + token_estimate.MEDIA
    assert token_estimate.of_body("word " * 100) == 125
    assert token_estimate.of_body("\ud800ä") == 2
