import pytest

from polyglot_cloud.sandbox import talk
from polyglot_cloud.sandbox.prompt import Prompt, Result


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("say hello world", "hello world"),
        ('Reply only with "pong"', "pong"),
        ("Answer with: yes", "yes"),
        ("count to 4", "1, 2, 3, 4"),
        ("Count from 3 to 5", "3, 4, 5"),
        ("what is my name?", "You have not told me yet. I am all ears."),
        ("My name is Ada. What's my name?", "You are Ada. I was paying attention."),
        ("what is 12 times 3?", "12 * 3 is 36. I did it in my head, which is to say in yours."),
        ("what is 7 / 2", "7 / 2 is 3.5. I did it in my head, which is to say in yours."),
    ],
)
def test_known_questions(said: str, reply: str) -> None:
    assert talk.reply(Prompt("m", said)) == reply


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("a haiku, please", "\n"),
        ("Tell me a joke", "."),
        ("Who are you?", "I am m, as played"),
        ("which model is this?", "I am m, as played"),
        ("Hello", "m"),
        ("", "m"),
        ("say something nice", "“say something nice”"),
        ("What is love", "“What is love”"),
        ("x" * 99, "…"),
    ],
)
def test_small_talk(said: str, part: str) -> None:
    assert part in talk.reply(Prompt("m", said))


def test_orders_of_the_system() -> None:
    assert talk.reply(Prompt("m", "Hm", system="Reply only with yes")) == "yes"
    assert "Hm" in talk.reply(Prompt("m", "Hm", system="Reply only with yes\n" * 30))


def test_what_it_sees() -> None:
    assert talk.reply(Prompt("m", "look", media=("a cat", "a dog", "a bird"))).startswith(
        "I see a cat, a dog and a bird."
    )


def test_words() -> None:
    assert len(talk.reply(Prompt("m", "Write 250 words about tea")).split()) == 250
    assert len(talk.prose(0).split()) == 1
    assert len(talk.prose(99_999).split()) == 20_000


@pytest.mark.parametrize(
    ("sum_", "value"),
    [
        ("2+3*4", "14"),
        ("-(2-5)", "3"),
        ("1/0", None),
        ("2**9", None),
        ("f(1)", None),
        ("1/3", "0.333333"),
        ("", None),
        ("9.0", "9"),
        ("'a'", None),
    ],
)
def test_arithmetic(sum_: str, value: str | None) -> None:
    assert talk.reckon(sum_) == value


def test_thoughts() -> None:
    assert "“Hello”" in talk.thought(Prompt("m", "Hello"))
    assert "(1)" in talk.thought(Prompt("m", "Hello", results=(Result("f", "x"),)))
