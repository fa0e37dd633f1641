import pytest

from polyglot_cloud.sandbox import reading


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What is the weather in Paris?", ["Paris"]),
        ("Paris and New York City, then San Francisco", ["Paris", "New York City", "San Francisco"]),
        ("Please tell me about Rio de Janeiro's beaches", ["Rio de Janeiro"]),
        ("I think I'd like Isle of Man", ["Isle of Man"]),
        ("hello there", []),
        ("run `Make All` in Oslo", ["Oslo"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert reading.names(text) == names


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("weather in Paris and Tokyo", ["weather in Paris", "Tokyo"]),
        ("add 3 plus 4, then 5", ["add 3 plus 4", "5"]),
        ("weather in San Francisco, CA in kelvin", ["weather in San Francisco, CA in kelvin"]),
        ("One. Two!\nThree", ["One", "Two", "Three"]),
        ("", []),
        ("version 3.5 of it", ["version 3.5 of it"]),
    ],
)
def test_clauses(text: str, pieces: list[str]) -> None:
    assert [clause.text for clause in reading.clauses(text)] == pieces


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("run: ls -l", ["ls -l"]),
        ("please run: `make test`\nrun: make lint", ["make test", "make lint"]),
        ("Could you run `ls`?", ["ls"]),
        ("execute this:\n```bash\necho hi\n```", ["echo hi"]),
        ("the word `ls` is short", []),
    ],
)
def test_commands(text: str, commands: list[str]) -> None:
    assert reading.commands(text) == commands


def test_the_rest() -> None:
    assert reading.numbers("3 apples, -4.5 degrees, v2, 1.2.3") == [3, -4.5]
    assert reading.quoted("say \"one\" and 'two' and “three”, don't") == ["one", "two", "three"]
    assert reading.urls("see https://a.example/x, please") == ["https://a.example/x"]
    assert reading.paths("open ./a/b.txt and notes.md, not https://x.example/y.md") == ["./a/b.txt", "notes.md"]
    assert reading.expression("what is 3 + 4 * 2?") == "3 + 4 * 2"
    assert reading.expression("on 2026") == ""
    assert reading.words("getWeatherForecasts for the cities") == ["get", "weather", "forecast", "for", "the", "city"]
    assert reading.plain("<system-reminder>\nhush\n</system-reminder>\nHello") == "Hello"
