"""Keys through their lives, against a model that remembers who may come in and from when on not."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.tenancy import Conflicting, Watch, keys
from tenancy.stage import BY, SECOND, START, Stage, bearer

FOREVER = START * 1000


@dataclass
class Model:
    """secret -> until when it is good by itself, and key -> until when the key is."""

    secrets: dict[str, tuple[str, int]] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def holds(self, secret: str, now: int) -> bool:
        key, until = self.secrets[secret]
        return key not in self.revoked and now < until and now < self.ends[key]

    def usable(self, key: str, now: int) -> bool:
        return key not in self.revoked and now < self.ends[key]


class LifeCycles(RuleBasedStateMachine):
    ids = Bundle("ids")
    numbers = st.integers(0, 50)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.stage = Stage(Path(self.folder.name))
        self.stage.store.create_tenant("acme", by=BY)
        self.other = self.stage.another()
        self.watch = Watch(self.other, self.stage.directory)
        self.model = Model()
        self.imported = 0

    @rule(target=ids, seconds=st.none() | numbers)
    def create(self, seconds: int | None) -> str:
        end = None if seconds is None else self.stage.clock() + seconds * SECOND
        made = self.stage.store.create_key("acme", by=BY, expires_at=end)
        self.model.secrets[made.secret] = (made.key.id, FOREVER)
        self.model.ends[made.key.id] = FOREVER if end is None else end
        return made.key.id

    @rule(target=ids)
    def take_over(self) -> str:
        self.imported += 1
        secret = f"sk-of-somebody-{self.imported}"
        key = self.stage.store.import_key("acme", keys.hashed(secret), by=BY).id
        self.model.secrets[secret] = (key, FOREVER)
        self.model.ends[key] = FOREVER
        return key

    @rule(key=ids, grace=numbers)
    def rotate(self, key: str, grace: int) -> None:
        now = self.stage.clock()
        try:
            made = self.stage.store.rotate_key(key, by=BY, grace=grace * SECOND)
        except Conflicting:
            assert not self.model.usable(key, now)
            return
        assert self.model.usable(key, now)
        assert made.key.id == key
        for secret, (holder, until) in list(self.model.secrets.items()):
            if holder == key:
                self.model.secrets[secret] = (key, min(until, now + grace * SECOND))
        self.model.secrets[made.secret] = (key, FOREVER)

    @rule(key=ids, seconds=st.none() | st.integers(-5, 50))
    def expire(self, key: str, seconds: int | None) -> None:
        end = None if seconds is None else self.stage.clock() + seconds * SECOND
        try:
            self.stage.store.expire_key(key, end, by=BY)
        except Conflicting:
            assert key in self.model.revoked
            return
        assert key not in self.model.revoked
        self.model.ends[key] = FOREVER if end is None else end

    @rule(key=consumes(ids) | ids)
    def revoke(self, key: str) -> None:
        self.stage.store.revoke_key(key, by=BY)
        self.model.revoked.add(key)

    @rule(seconds=numbers)
    def time_passes(self, seconds: int) -> None:
        self.stage.clock.pass_seconds(seconds)

    @rule(secret_of=ids)
    def import_what_was_there(self, secret_of: str) -> None:
        for secret, (key, _) in self.model.secrets.items():
            if key == secret_of:
                try:
                    self.stage.store.import_key("acme", keys.hashed(secret), by=BY)
                except Conflicting:
                    continue
                raise AssertionError("a secret was taken twice")

    @invariant()
    def who_may_come_in(self) -> None:
        self.watch.look()
        now = self.stage.clock()
        for secret, (key, _) in self.model.secrets.items():
            if self.model.holds(secret, now):
                found = self.stage.directory.identify(bearer(secret))
                assert found is not None
                assert (found.key, found.tenant) == (key, "acme")
            else:
                with pytest.raises(Unauthorized) as told:
                    self.stage.directory.identify(bearer(secret))
                assert secret not in told.value.message

    @invariant()
    def no_secret_is_told(self) -> None:
        told = repr((self.stage.store.read(), self.stage.store.audit(1000)))
        assert not any(secret in told for secret in self.model.secrets)

    def teardown(self) -> None:
        self.stage.close()
        self.other.close()
        self.folder.cleanup()


TestLifeCycles = LifeCycles.TestCase
TestLifeCycles.settings = settings(stateful_step_count=10)
