import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot_cloud import catalog
from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.tenancy import Vendors, keys

ROWS = list(catalog.load().providers.values())


def test_a_key_is_256_random_bits_in_43_characters() -> None:
    made = {keys.make() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"pgk_[A-Za-z0-9_-]{43}", key) for key in made)


def test_an_id_says_nothing_of_the_key() -> None:
    assert all(re.fullmatch(r"key_[a-z0-9]{12}", keys.make_id()) for _ in range(50))


def test_the_hash_is_of_the_whole_key_as_litellm_has_it() -> None:
    # sha256 of the text "sk-1234", with coreutils: printf %s sk-1234 | sha256sum
    assert keys.hashed("sk-1234") == "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


PLACES: list[tuple[Headers, bytes, bytes | None]] = [
    ([], b"", None),
    ([(b"authorization", b"Bearer k")], b"", b"k"),
    ([(b"authorization", b"bEARER   k ")], b"", b"k"),
    ([(b"authorization", b"Bearer ")], b"", None),
    ([(b"authorization", b"Basic dTpw")], b"", None),
    ([(b"authorization", b"k")], b"", None),
    ([(b"x-api-key", b" k ")], b"", b"k"),
    ([(b"x-api-key", b"")], b"", None),
    ([(b"x-goog-api-key", b"k")], b"", b"k"),
    ([], b"key=k", b"k"),
    ([], b"alt=sse&key=k", b"k"),
    ([], b"%6Bey=k%2Bk", b"k+k"),
    ([], b"keys=k&monkey=k&key=", None),
    ([(b"x-api-key", b"k")], b"alt=sse", b"k"),
    ([(b"x-api-key", b"k"), (b"authorization", b"Bearer k")], b"key=k", b"k"),
    ([(b"authorization", b"Basic dTpw"), (b"x-api-key", b"k")], b"", b"k"),
    ([(b"x-api-key", b"k"), (b"x-api-key", b"k")], b"", b"k"),
    ([(b"x-api-key", b"\xff\x00")], b"", b"\xff\x00"),
]


@pytest.mark.parametrize(("headers", "query", "key"), PLACES)
def test_where_a_key_is_found(headers: Headers, query: bytes, key: bytes | None) -> None:
    assert keys.presented(headers, query) == key


CONFLICTS: list[tuple[Headers, bytes, str]] = [
    ([(b"x-api-key", b"one-secret"), (b"authorization", b"Bearer two-secret")], b"", "x-api-key and Authorization"),
    ([(b"x-api-key", b"one-secret"), (b"x-api-key", b"two-secret")], b"", "x-api-key, twice"),
    ([(b"x-goog-api-key", b"one-secret")], b"key=two-secret", "x-goog-api-key and ?key="),
    ([], b"key=one-secret&key=two-secret", "?key=, twice"),
]


@pytest.mark.parametrize(("headers", "query", "places"), CONFLICTS)
def test_two_different_keys_are_refused_and_not_repeated(headers: Headers, query: bytes, places: str) -> None:
    with pytest.raises(Unauthorized) as told:
        keys.presented(headers, query)
    assert places in told.value.message
    assert told.value.code == "conflicting_credentials"
    assert told.value.headers == {"www-authenticate": "Bearer"}
    assert "secret" not in str(told.value)


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"accept"]), st.binary())), st.binary())
def test_no_request_breaks_it(headers: Headers, query: bytes) -> None:
    try:
        keys.presented(headers, query)
    except Unauthorized as error:
        assert error.code == "conflicting_credentials"  # noqa: PT017  # most inputs raise nothing


@pytest.mark.parametrize(
    ("secret", "vendor"),
    [
        ("sk-proj-abc", "OpenAI"),
        ("sk-ant-api03-abc", "Anthropic"),
        ("AIzaSyabc", "Gemini"),
        ("xai-abc", "Grok"),
        ("pgk_abc", None),
        ("", None),
    ],
)
def test_whose_credential_it_looks_like(secret: str, vendor: str | None) -> None:
    found = Vendors(ROWS).of(secret.encode())
    assert (found is None) if vendor is None else (found is not None and vendor in found)


@pytest.mark.parametrize(
    "text", [keys.make(), "x" * 25, hashlib.sha256(b"x").hexdigest()], ids=["a key", "long", "a hash"]
)
def test_what_could_be_a_secret_is_not_shown_as_an_id(text: str) -> None:
    assert text not in keys.shown_id(text)
