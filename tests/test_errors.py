import inspect
import re

import pytest

from polyglot_cloud import errors
from polyglot_cloud.errors import Fault, GatewayError, ProviderError, RawReply, classify

LEAVES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GatewayError) and kind.__module__ == errors.__name__
]


def drawn() -> set[str]:
    return set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"GatewayError"}


def test_the_tree_in_the_docstring_is_the_hierarchy() -> None:
    assert {kind.__name__ for kind in LEAVES} == drawn()


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_knows_its_status_and_domain(kind: type[GatewayError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.domain in {"caller", "policy", "provider", "gateway"}
    assert kind.__doc__ != "" or kind is GatewayError


@pytest.mark.parametrize(
    ("status", "code", "kind", "answered", "retry"),
    [
        (400, None, errors.Refused, 400, None),
        (404, "model_not_found", errors.Refused, 404, None),
        (403, None, errors.Refused, 403, None),
        (401, None, errors.CredentialRefused, 502, False),
        (400, "API_KEY_INVALID", errors.CredentialRefused, 502, False),
        (402, None, errors.QuotaExhausted, 402, False),
        (429, "insufficient_quota", errors.QuotaExhausted, 429, False),
        (429, "rate_limit_exceeded", errors.RateLimited, 429, None),
        (408, None, errors.Failed, 408, None),
        (500, None, errors.Failed, 500, None),
        (529, None, errors.Failed, 529, None),
    ],
)
def test_classify(status: int, code: str | None, kind: type[ProviderError], answered: int, retry: bool | None) -> None:
    error = classify(status, Fault("no", type="t", code=code, retry_after=2.0))
    assert type(error) is kind
    assert (error.status, error.should_retry, error.retry_after) == (answered, retry, 2.0)


def test_a_refused_credential_hides_what_the_provider_said() -> None:
    raw = RawReply(
        "openai_chat", 401, "application/json", b'{"error":{"message":"Incorrect API key provided: sk-live"}}'
    )
    error = classify(401, Fault("Incorrect API key provided: sk-live"), raw=raw)
    assert error.raw is None
    assert "sk-live" not in str(error)
    assert error.code == "provider_credential_refused"


def test_a_fault_refines_type_code_and_param() -> None:
    error = classify(
        400, Fault("too long", type="invalid_request_error", code="context_length_exceeded", param="messages")
    )
    assert (error.type, error.code, error.param, error.message) == (
        "invalid_request_error", "context_length_exceeded", "messages", "too long",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [errors.RetiredModel, errors.MissingKey])
def test_what_a_retry_cannot_mend_says_so(kind: type[GatewayError]) -> None:
    assert kind("x").should_retry is False
