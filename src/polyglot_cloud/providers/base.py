"""What all providers share: a base URL, a credential, and how an error reply is understood.

A provider knows where a thing is said; how it is said is the dialect's business, and what a model can do is the catalog's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from polyglot_cloud import wire
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import Fault, MissingKey, ProviderError, RawReply, classify

Reveal = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Account:
    """Where a provider is reached, and as whom. `reveal` gives the key at the moment of use; None: there is no key."""

    base_url: str
    reveal: Reveal | None
    missing_key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Provider:
    """An OpenAI-compatible host with a bearer key; subclasses state how they differ.

    `name` is the catalog's. `dialects` are those the host speaks, by name.
    """

    hints: Mapping[str, str] = {}
    """Headers that any request of this provider needs unless the caller gave them."""
    counts: tuple[str, ...] = ()
    """Dialects in which the host tells for nothing how many tokens a request has."""

    def __init__(self, name: str, account: Account, dialects: Mapping[str, Dialect]) -> None:
        self.name = name
        self.dialects = dialects
        self._account = account

    @property
    def has_key(self) -> bool:
        return self._account.reveal is not None

    def url(self, path: str, version: str | None = None) -> str:
        """The full URL of a dialect's path. `version` is the API version that the client named, where the host has several."""
        return f"{self._account.base_url}/{path}"

    def headers(self) -> dict[str, str]:
        """Credential and account headers. Raises MissingKey."""
        if self._account.reveal is None:
            raise MissingKey(self._account.missing_key)
        return {**self._account.headers, **self.credential(self._account.reveal())}

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def public(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of a reply less those that repeat the key."""
        key = self._account.reveal() if self._account.reveal else None
        return {name: value for name, value in headers.items() if not key or key not in value}

    def models_path(self) -> str:
        """Where the host lists its models: the cheapest call that proves a key."""
        return "models"

    def error(self, dialect: Dialect, status: int, body: bytes, headers: Mapping[str, str]) -> ProviderError:
        """The typed error for a reply with status >= 400."""
        fault = self.understand(status, dialect.read_error(status, body, dict(headers)))
        raw = RawReply(dialect.name, status, headers.get("content-type", "application/json"), body)
        key = self._account.reveal() if self._account.reveal else ""
        if key and key.encode() in body:
            # some hosts repeat the key that they refuse
            message = fault.message.replace(key, "[the gateway's key]")
            code = fault.code if fault.code and key not in fault.code else None
            return classify(status, Fault(message, code=code, retry_after=fault.retry_after))
        return classify(status, fault, raw=raw if shaped(body) else None)

    def understand(self, status: int, fault: Fault) -> Fault:
        """A host's own error codes in the words that `classify` knows."""
        return fault


def shaped(body: bytes) -> bool:
    """Whether an error's body has the shape that the clients of every dialect read: an object with an object `error`, which Google
    may put into an array of one. xAI's own errors have a text there, and a proxy's page has none.
    """
    try:
        value = wire.decode(body)
    except wire.InvalidJson:
        return False
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return isinstance(value, dict) and isinstance(value.get("error"), dict)
