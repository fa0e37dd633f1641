"""Every error the gateway raises, in one tree. The split is by what the caller may do next.

    GatewayError
    ├── CallerError            mend the request
    │   ├── BadRequest         400  malformed body, wrong type, conflicting fields
    │   │   └── Unsupported    400  the model or its upstream cannot do what a field asks for
    │   ├── UnknownPath        404  no such endpoint
    │   │   └── WrongMethod    405  the endpoint is there, the verb is not
    │   ├── UnknownModel       404  no such model at this face
    │   │   └── RetiredModel   404  it was there; the message names date and successor
    │   ├── BodyTooLarge       413
    │   ├── WrongMediaType     415
    │   └── SlowCaller         408  the body did not arrive in time
    ├── PolicyError            ask the operator
    │   ├── Unauthorized       401  no key of this gateway, or one that no longer holds
    │   ├── NotAllowed         403  the key may not use this provider, model or face
    │   ├── BudgetSpent        402  a budget is used up; waiting helps only once it resets
    │   │   ├── Unbounded      402  a budget applies, and nobody knows what the call may cost
    │   │   └── UnboundedTool  402  a budget applies, and a tool of the vendor's own costs what nobody can tell before
    │   ├── BudgetHeld         429  other calls hold what is left of a budget; try again
    │   ├── Misdirected        421  a Host that is not ours
    │   └── ForeignOrigin      403  a web page of another origin
    ├── ProviderError          the provider answered, and said no
    │   ├── Refused            4xx  it refused this request
    │   ├── CredentialRefused  502  it refused the gateway's own key
    │   ├── RateLimited        429  wait, then try again
    │   ├── QuotaExhausted     429  the money or the day's quota is used up; waiting is of no use
    │   └── Failed             5xx  it broke or is overloaded
    ├── WireError              the provider could not be heard out
    │   ├── Unreachable        502  no connection
    │   ├── Unsendable         400  the client's headers cannot stand in a request
    │   ├── TimedOut           504  connected, but silent for too long
    │   └── BrokenReply        502  not HTTP, not JSON, or a stream that ended without its mark
    └── GatewayFault           the gateway itself
        ├── MissingKey         503  no credential is configured for the provider
        ├── LedgerDown         503  what is spent cannot be booked, so nothing is
        ├── NothingSelected    503  the swarm's Router names nobody who serves this, or does not answer
        ├── Draining           503  the process is stopping
        └── Internal           500  a defect of ours

Errors are classified by status and structured code, never by prose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Domain = Literal["caller", "policy", "provider", "gateway"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a provider's error body says, taken out of its dialect.

    `type` and `code` are the provider's own words; `retry_after` is in seconds.
    """

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RawReply:
    """The provider's error reply as it stood, for a client that speaks the same dialect."""

    dialect: str
    status: int
    content_type: str
    body: bytes


class GatewayError(Exception):
    """The root. `status`, `code`, `domain` and `transient` are facts of the leaf; a provider's answer may refine the first two."""

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    domain: Domain = "gateway"
    transient: bool = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.code
        self.status = status or self.status
        self.retry_after = retry_after
        self.headers: dict[str, str] = dict(headers or {})

    @property
    def should_retry(self) -> bool | None:
        """What `x-should-retry` tells an SDK; None leaves the decision to its own rules."""
        return None


class CallerError(GatewayError):
    status = 400
    type = "invalid_request_error"
    domain = "caller"


class BadRequest(CallerError):
    pass


class Unsupported(BadRequest):
    code = "unsupported_parameter"


class UnknownPath(CallerError):
    status = 404
    code = "unknown_url"


class WrongMethod(UnknownPath):
    status = 405
    code = "method_not_allowed"


class UnknownModel(CallerError):
    status = 404
    code = "model_not_found"


class RetiredModel(UnknownModel):
    code = "model_retired"

    @property
    def should_retry(self) -> bool | None:
        return False


class BodyTooLarge(CallerError):
    status = 413
    code = "request_too_large"


class WrongMediaType(CallerError):
    status = 415
    code = "unsupported_media_type"


class SlowCaller(CallerError):
    status = 408
    code = "request_timeout"


class PolicyError(GatewayError):
    status = 403
    type = "permission_error"
    domain = "policy"


class Unauthorized(PolicyError):
    """The message holds nothing of what the client sent."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"

    @property
    def should_retry(self) -> bool | None:
        return False


class NotAllowed(PolicyError):
    code = "not_allowed"

    @property
    def should_retry(self) -> bool | None:
        return False


class BudgetSpent(PolicyError):
    """`resets_at` in Unix seconds, None where no new period begins by itself. `scope` is whose budget it is ("run:acme/r1"), if one's."""

    status = 402
    type = "insufficient_quota"
    code = "budget_exceeded"

    def __init__(self, message: str, *, resets_at: int | None = None, scope: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope
        if resets_at is not None:
            self.headers["x-polyglot-budget-resets"] = str(resets_at)

    @property
    def should_retry(self) -> bool | None:
        return False


class Unbounded(BudgetSpent):
    code = "unpriced_model"


class UnboundedTool(BudgetSpent):
    code = "unbounded_tool"


class BudgetHeld(PolicyError):
    """`scope` is whose budget it is, as in BudgetSpent."""

    status = 429
    type = "rate_limit_error"
    code = "budget_busy"
    transient = True

    def __init__(self, message: str, *, retry_after: float | None = None, scope: str | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.scope = scope

    @property
    def should_retry(self) -> bool | None:
        return True


class Misdirected(PolicyError):
    status = 421
    code = "misdirected_request"


class ForeignOrigin(PolicyError):
    code = "foreign_origin"


class ProviderError(GatewayError):
    """The provider answered with an error. `fault` is what it said, `raw` its reply for clients of the same dialect."""

    domain: Domain = "provider"

    def __init__(
        self,
        fault: Fault,
        *,
        status: int | None = None,
        raw: RawReply | None = None,
        headers: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> None:
        super().__init__(
            message or fault.message,
            param=fault.param,
            code=fault.code,
            status=status,
            retry_after=fault.retry_after,
            headers=headers,
        )
        self.fault = fault
        self.raw = raw
        self.type = fault.type or self.type


class Refused(ProviderError):
    status = 400
    type = "invalid_request_error"
    domain = "caller"


class CredentialRefused(ProviderError):
    """The provider refused the gateway's key: the operator's fault, never the client's, so never a 401."""

    status = 502
    type = "gateway_credential_error"

    def __init__(self, fault: Fault, *, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(fault, message=message, headers=headers)
        self.type = type(self).type
        self.code = "provider_credential_refused"

    @property
    def should_retry(self) -> bool | None:
        return False


class RateLimited(ProviderError):
    status = 429
    type = "rate_limit_error"
    transient = True


class QuotaExhausted(ProviderError):
    status = 429
    type = "insufficient_quota"

    @property
    def should_retry(self) -> bool | None:
        return False


class Failed(ProviderError):
    status = 502
    transient = True


class WireError(GatewayError):
    status = 502
    type = "upstream_error"
    domain: Domain = "provider"
    transient = True


class Unreachable(WireError):
    code = "provider_unreachable"


class Unsendable(WireError):
    status = 400
    type = "invalid_request_error"
    code = "unsendable_header"
    domain: Domain = "caller"
    transient = False


class TimedOut(WireError):
    status = 504
    code = "provider_timeout"


class BrokenReply(WireError):
    code = "provider_broken_reply"


class GatewayFault(GatewayError):
    pass


class MissingKey(GatewayFault):
    status = 503
    type = "configuration_error"
    code = "missing_api_key"

    @property
    def should_retry(self) -> bool | None:
        return False


class LedgerDown(GatewayFault):
    status = 503
    code = "ledger_unavailable"
    transient = True


class NothingSelected(GatewayFault):
    status = 503
    code = "no_provider_selected"
    transient = True


class Draining(GatewayFault):
    status = 503
    code = "gateway_draining"
    transient = True


class Internal(GatewayFault):
    code = "internal_error"


QUOTA_CODES = frozenset(
    {
        # OpenAI (facts of 2026-11-22: errors that waiting does not mend)
        "insufficient_quota",
        "billing_hard_limit_reached",
        # Anthropic error.details.error_code, 429 without retry-after
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        # Gemini: a quotaId with PerDay, named so by the gemini dialect's read_error
        "quota_per_day",
    }
)
KEY_CODES = frozenset({"invalid_api_key", "API_KEY_INVALID"})


def classify(
    status: int, fault: Fault, *, raw: RawReply | None = None, headers: Mapping[str, str] | None = None
) -> ProviderError:
    """The leaf for a provider's error reply, by status and code.

    401 and whatever has a key code are about the gateway's own credential; 402 is the account's money. A 403 stays one: it is as often
    about the model or the country as about the key.
    """
    if status == 401 or fault.code in KEY_CODES:
        message = (
            "The provider refused the gateway's API key. The operator of the gateway can mend this; its clients cannot."
        )
        return CredentialRefused(fault, message=message, headers=headers)
    if status == 402 or fault.code in QUOTA_CODES:
        return QuotaExhausted(fault, status=status, raw=raw, headers=headers)
    if status == 429:
        return RateLimited(fault, status=status, raw=raw, headers=headers)
    if status >= 500 or status == 408:
        return Failed(fault, status=status, raw=raw, headers=headers)
    return Refused(fault, status=status, raw=raw, headers=headers)
