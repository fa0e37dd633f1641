"""All keys in memory, by hash: what a request is asked for costs one hash and one look-up, and no query.

Where a dictionary looks, and how long that takes, depends on the hash of what was sent. Whoever measured it could learn about stored
hashes at most, and a SHA-256 leads back to no key; Python's own hashing of them is keyed anew in each process. The last word has
`hmac.compare_digest`, in constant time.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.grants import BrokenLineage, Hash, KeyRow, TenantRow, lineage
from polyglot_cloud.tenancy.keys import Vendors, presented, unauthorized
from polyglot_cloud.tenancy.records import Declared, Snapshot
from polyglot_cloud.tenancy.tenants import Principal, principal

Clock = Callable[[], int]
"""Unix microseconds."""

NEVER_FORWARDED = "This gateway uses its own credentials at the providers and never forwards a client's"

NO_KEY = "-"
"""What stands in a key's place where a tenant calls without one; no key has that id."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who has the key with this hash. It holds before `until` (None: for good); from then on `why` says what happened."""

    digest: bytes
    principal: Principal | None
    until: int | None
    why: str


@dataclass(frozen=True, slots=True)
class _Index:
    mark: int
    locked: bool
    holders: Mapping[bytes, _Holder]
    principals: Mapping[str, Principal]
    tenants: Mapping[str, Principal]
    problems: tuple[str, ...]


class Directory:
    """`locked`: some key was ever configured, so every request needs one. It stays so when the last one is revoked.

    `problems` tells what stands both in the file and in the store, and which tenants lost the one above them. Another thread may call
    `take`; the index is exchanged as a whole.
    """

    def __init__(self, declared: Declared, *, clock: Clock, zone: str = "UTC", vendors: Vendors | None = None) -> None:
        self._declared = declared
        self._clock = clock
        self._zone = zone
        self._vendors = vendors or Vendors()
        self._taking = threading.Lock()
        self._index = _index(declared, Snapshot(-1, (), ()), zone)

    @property
    def locked(self) -> bool:
        return self._index.locked

    @property
    def problems(self) -> tuple[str, ...]:
        return self._index.problems

    @property
    def mark(self) -> int:
        """The number of the change that this directory knows last; -1 before the first `take`."""
        return self._index.mark

    def take(self, snapshot: Snapshot) -> None:
        """What the store holds from now on. An older snapshot than the last one is left: two threads may be reading at once."""
        with self._taking:
            if snapshot.mark >= self._index.mark:
                self._index = _index(self._declared, snapshot, self._zone)

    def principal(self, key: str) -> Principal | None:
        """The principal of a key's public id, whether or not the key still holds: for what was begun with it."""
        return self._index.principals.get(key)

    def keyless(self, tenant: str) -> Principal | None:
        """Who counts for a tenant without a key, by its id: bound as the tenant is. None where there is none, or it was deleted."""
        return self._index.tenants.get(tenant)

    def identify(self, headers: Headers, query_string: bytes = b"") -> Principal | None:
        """Who calls; None where no key was ever configured. Raises Unauthorized."""
        index = self._index
        if not index.locked:
            return None
        secret = presented(headers, query_string)
        if secret is None:
            raise unauthorized(
                "This gateway asks for a key of its own: send it as Authorization: Bearer, x-api-key or x-goog-api-key.",
                code="missing_api_key",
            )
        digest = hashlib.sha256(secret).digest()
        holder = index.holders.get(digest)
        if holder is None or not hmac.compare_digest(holder.digest, digest):
            raise self._unknown(secret)
        if holder.principal is None or (holder.until is not None and self._clock() >= holder.until):
            raise unauthorized(
                f"{holder.why} Ask the operator of this gateway for another.", code="key_no_longer_valid"
            )
        return holder.principal

    def _unknown(self, secret: bytes) -> Unauthorized:
        vendor = self._vendors.of(secret)
        if vendor is None:
            return unauthorized(
                f"This is no key of this gateway. {NEVER_FORWARDED}; send a key that its operator gave you."
            )
        return unauthorized(
            f"This looks like a credential of {vendor}. {NEVER_FORWARDED}; send a key that its operator gave you instead."
        )


# --- the index ---


def _index(declared: Declared, snapshot: Snapshot, zone: str) -> _Index:
    tenants = {tenant.id: tenant for tenant in snapshot.tenants}
    problems = [
        f"The tenant {tenant.id} stands in the configuration file and in the store; the file's counts."
        for tenant in declared.tenants
        if tenant.id in tenants and tenants[tenant.id].deleted_at is None
    ]
    tenants.update((tenant.id, tenant) for tenant in declared.tenants)
    holders: dict[bytes, _Holder] = {}
    principals: dict[str, Principal] = {}
    for key in (*snapshot.keys, *declared.keys):
        line = _line(key, tenants, problems)
        who = principal(key, line, zone) if line else None
        for holder in _holders(key, line, who):
            if holder.digest in holders:  # the store's counts, so that what is revoked there stays revoked
                problems.append(
                    f"The key {key.id} of the configuration file stands in the store too; the store's counts."
                )
            holders.setdefault(holder.digest, holder)
        if who is not None:
            principals.setdefault(key.id, who)
    without_keys = {id_: who for id_ in tenants if (who := _keyless(id_, tenants, zone)) is not None}
    locked = bool(snapshot.keys or declared.keys)
    return _Index(snapshot.mark, locked, holders, principals, without_keys, tuple(dict.fromkeys(problems)))


def _keyless(id_: str, tenants: Mapping[str, TenantRow], zone: str) -> Principal | None:
    key = KeyRow(NO_KEY, id_, ())
    line = _line(key, tenants, [])
    return principal(key, line, zone) if line and all(tenant.deleted_at is None for tenant in line) else None


def _line(key: KeyRow, tenants: Mapping[str, TenantRow], problems: list[str]) -> tuple[TenantRow, ...]:
    """The key's tenant and those above; nothing where they cannot be told: without its ancestors' budgets nobody may spend."""
    try:
        ids = lineage(key.tenant, {id_: tenant.parent for id_, tenant in tenants.items()})
    except BrokenLineage as error:
        problems.append(f"The tenant {key.tenant} {error}; its keys do not hold.")
        return ()
    return tuple(tenants[id_] for id_ in ids)


def _holders(key: KeyRow, line: tuple[TenantRow, ...], who: Principal | None) -> Iterator[_Holder]:
    for each in key.hashes:
        until, why = min(
            _ends(key, each, line), key=lambda end: end[0], default=(None, f"The key {key.id} has no tenant.")
        )
        yield _Holder(bytes.fromhex(each.sha256), who, until, why)


def _ends(key: KeyRow, each: Hash, line: tuple[TenantRow, ...]) -> Iterator[tuple[int, str]]:
    """From when on the key does not hold, and why, in the order in which a reason counts."""
    if key.revoked_at is not None:
        yield 0, f"The key {key.id} was revoked on {moment(key.revoked_at)}."
    if any(tenant.deleted_at is not None for tenant in line):
        yield 0, f"The tenant of the key {key.id} was deleted."
    if key.expires_at is not None:
        yield key.expires_at, f"The key {key.id} expired on {moment(key.expires_at)}."
    if each.until is not None:
        yield each.until, f"The key {key.id} was exchanged for a new one, and this one held until {moment(each.until)}."


def moment(at: int) -> str:
    """Unix microseconds as 2026-11-23T09:30:00Z."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
