from pathlib import Path

import pytest

from polyglot_cloud import catalog
from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.grants import Cap, Grant, Hash, KeyRow, TenantRow
from polyglot_cloud.tenancy import Declared, Snapshot, Vendors, keys
from tenancy.stage import BY, SECOND, START, Stage, bearer

SECRET = "a-key-that-the-file-declares"
DECLARED = Declared(
    (TenantRow("filed", grant=Grant(budgets=(Cap("day", 7),)), declared=True),),
    (KeyRow("key_ci", "filed", (Hash(keys.hashed(SECRET)), Hash(keys.hashed("old"))), declared=True),),
)


def test_without_any_key_it_is_open(stage: Stage) -> None:
    assert stage.identify("whatever") is None
    assert not stage.directory.locked


def test_it_stays_locked_when_the_last_key_is_revoked(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    stage.store.revoke_key(made.key.id, by=BY)
    assert stage.refusal(made.secret) is not None
    assert stage.directory.locked


def test_who_calls(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    found = stage.identify(made.secret)
    assert found is not None
    assert (found.key, found.tenant) == (made.key.id, "acme")
    assert stage.directory.principal(made.key.id) is found


def test_a_request_without_a_key_is_told_how_to_send_one(stage: Stage) -> None:
    stage.store.create_key("acme", by=BY)
    stage.directory.take(stage.store.read())
    with pytest.raises(Unauthorized, match="Authorization: Bearer, x-api-key or x-goog-api-key") as told:
        stage.directory.identify([])
    assert (told.value.code, told.value.status, told.value.should_retry) == ("missing_api_key", 401, False)


@pytest.mark.parametrize("secret", ["sk-proj-mine", "sk-ant-mine", "AIza-mine", "xai-mine", "pgk_mine", "mine"])
def test_a_stranger_is_told_that_credentials_are_never_forwarded(tmp_path: Path, secret: str) -> None:
    stage = Stage(tmp_path, DECLARED, Vendors(catalog.load().providers.values()))
    refusal = stage.refusal(secret)
    assert refusal is not None
    assert "never forwards a client's" in refusal.message
    assert ("looks like a credential of" in refusal.message) is (secret not in {"pgk_mine", "mine"})
    assert "mine" not in str(refusal)
    assert "mine" not in repr(refusal)
    stage.close()


def test_why_a_key_no_longer_holds(stage: Stage) -> None:
    new = {name: stage.store.create_key("acme", by=BY) for name in ("revoked", "expired", "exchanged", "deleted")}
    stage.store.revoke_key(new["revoked"].key.id, by=BY)
    stage.store.expire_key(new["expired"].key.id, START + 5 * SECOND, by=BY)
    stage.store.rotate_key(new["exchanged"].key.id, by=BY, grace=5 * SECOND)
    assert stage.refusal(new["expired"].secret) is stage.refusal(new["exchanged"].secret) is None
    stage.clock.pass_seconds(5)
    for name, word in (("revoked", "was revoked on"), ("expired", "expired on"), ("exchanged", "was exchanged")):
        refusal = stage.refusal(new[name].secret)
        assert refusal is not None
        assert word in refusal.message
        assert new[name].key.id in refusal.message
        assert refusal.code == "key_no_longer_valid"
        assert new[name].secret not in refusal.message
    stage.store.delete_tenant("acme", by=BY, with_keys=True)
    refusal = stage.refusal(new["deleted"].secret)
    assert refusal is not None
    assert "was revoked" in refusal.message


def test_the_file_and_the_store_together(tmp_path: Path) -> None:
    stage = Stage(tmp_path, DECLARED)
    found = stage.identify(SECRET)
    assert found is not None
    assert (found.key, [budget.id for budget in found.budgets]) == ("key_ci", ["tenant:filed/day"])
    assert stage.identify("old") == found
    stage.store.create_tenant("below", by=BY, parent="filed")
    made = stage.store.create_key("below", by=BY)
    other = stage.identify(made.secret)
    assert other is not None
    assert other.lineage == ("below", "filed")
    assert stage.directory.problems == ()
    stage.close()


def test_what_was_revoked_in_the_store_stays_so_in_the_file(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    stage.store.revoke_key(made.key.id, by=BY)
    declared = Declared(
        (TenantRow("acme", declared=True),),
        (KeyRow("key_x", "acme", (Hash(keys.hashed(made.secret)),), declared=True),),
    )
    again = Stage(stage.folder, declared)
    assert again.refusal(made.secret) is not None
    assert len(again.directory.problems) == 2
    again.close()


@pytest.mark.parametrize("parent", ["gone", "acme"])
def test_without_its_ancestors_a_key_does_not_hold(stage: Stage, parent: str) -> None:
    """The file no longer declares a tenant that stands above one of the store, or a hand wrote a circle."""
    row = KeyRow("key_a", "acme", (Hash(keys.hashed("s")),))
    stage.directory.take(Snapshot(99, (TenantRow("acme", parent=parent),), (row,)))
    with pytest.raises(Unauthorized, match="has no tenant"):
        stage.directory.identify(bearer("s"))
    assert "its keys do not hold" in stage.directory.problems[0]
    assert stage.directory.principal("key_a") is None


def test_a_tenant_deleted_by_hand_takes_its_keys_along(stage: Stage) -> None:
    row = KeyRow("key_a", "acme", (Hash(keys.hashed("s")),))
    stage.directory.take(Snapshot(99, (TenantRow("acme", deleted_at=1),), (row,)))
    with pytest.raises(Unauthorized, match="was deleted"):
        stage.directory.identify(bearer("s"))


def test_an_older_snapshot_is_left(stage: Stage) -> None:
    before = stage.store.read()
    made = stage.store.create_key("acme", by=BY)
    stage.directory.take(stage.store.read())
    stage.directory.take(before)
    assert stage.directory.identify(bearer(made.secret)) is not None


def test_no_secret_shows(stage: Stage) -> None:
    made = stage.store.create_key("acme", by=BY)
    secret = made.secret
    assert secret not in repr(made)
    assert stage.identify(secret) is not None
    shown = repr(
        [stage.directory._index, stage.store.read(), stage.store.audit(), stage.directory.identify(bearer(secret))]
    )
    assert secret not in shown


def test_a_tenant_counts_without_a_key_until_it_is_deleted(stage: Stage) -> None:
    cap = Cap("day", 5)
    stage.store.create_tenant("top", grant=Grant(budgets=(cap,)), by=BY)
    stage.store.create_tenant("acme-team", parent="top", by=BY)
    stage.directory.take(stage.store.read())
    found = stage.directory.keyless("acme-team")
    assert found is not None
    assert (found.tenant, found.key, found.lineage) == ("acme-team", "-", ("acme-team", "top"))
    assert [row.scope for row in found.budgets] == ["tenant:top"]
    assert stage.directory.keyless("nobody") is None
    stage.store.delete_tenant("acme-team", by=BY)
    stage.directory.take(stage.store.read())
    assert stage.directory.keyless("acme-team") is None
