from polyglot_cloud.pseudonym import pseudonym


def test_always_the_same_for_the_same_and_never_the_name_itself() -> None:
    assert pseudonym("ada@example.org") == pseudonym("ada@example.org") != pseudonym("bob@example.org")
    assert "ada" not in pseudonym("ada@example.org")
    assert (len(pseudonym("x")), len(pseudonym("x", 24))) == (32, 24)


def test_any_text_has_one() -> None:
    assert pseudonym("\ud800") != pseudonym("")
