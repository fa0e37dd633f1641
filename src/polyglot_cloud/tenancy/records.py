"""What the store takes and gives beside the rows of `grants`, and why it may refuse."""

from dataclasses import dataclass, field
from enum import Enum

from polyglot_cloud.grants import KeyRow, TenantRow


class TenancyError(ValueError):
    """A change that cannot be made. The message says why, and holds no secret."""


class NotThere(TenancyError):
    """The tenant or key is not there."""


class Conflicting(TenancyError):
    """What is there already, or depends on it, forbids the change."""


class StoreUnusable(TenancyError):
    """The database cannot be read or written: it is locked, damaged, full, or not ours to write."""


class Unchanged(Enum):
    """Stands for what an update leaves as it is, where None has a meaning of its own."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made or rotated. `secret` exists here only, and is shown once."""

    key: KeyRow
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the configuration file declares. It is not in the store, and is changed in the file alone."""

    tenants: tuple[TenantRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the store holds, as of change number `mark`. Deleted tenants and revoked keys are in it."""

    mark: int
    tenants: tuple[TenantRow, ...]
    keys: tuple[KeyRow, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """One change: when (Unix microseconds), by whom, what to what; `before` and `after` as JSON, None where there was nothing."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    before: str | None
    after: str | None
