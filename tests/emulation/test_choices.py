"""Several replies as one."""

from polyglot_cloud.emulation.choices import merged, total
from polyglot_cloud.neutral import Choice, Response, Text, Usage


def reply(text: str, usage: Usage | None, created: int = 5) -> Response:
    return Response(f"id-{text}", "m", [Choice([Text(text)], "stop")], usage, created)


def test_choices_are_numbered_anew_and_the_bill_is_the_sum() -> None:
    whole = merged(
        [
            reply("a", Usage(10, 3, cached=4, reasoning=1, details={"input_audio": 2}, tier="flex")),
            reply("b", Usage(10, 5, cached=10, details={"input_audio": 1, "cache_write": 6}), created=9),
            reply("c", None),
        ]
    )
    assert (whole.id, whole.created) == ("id-a", 5)
    assert [(choice.index, choice.blocks) for choice in whole.choices] == [
        (0, [Text("a")]),
        (1, [Text("b")]),
        (2, [Text("c")]),
    ]
    assert whole.usage == Usage(20, 8, 14, 1, {"input_audio": 3, "cache_write": 6}, "flex")


def test_usage_that_nobody_told_is_none() -> None:
    assert merged([reply("a", None), reply("b", None)]).usage is None


def test_a_sum_with_a_guess_in_it_is_a_guess() -> None:
    assert total([Usage(1, 1), Usage(1, 1, estimated=True)]).estimated
