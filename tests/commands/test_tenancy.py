"""`polyglot-cloud tenants` and `keys`, in process, each in an empty folder."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud import cli
from polyglot_cloud.commands.tenancy import DATABASE
from polyglot_cloud.tenancy import Store, connect, keys

PRINTED = pytest.CaptureFixture[str]
SECRET = re.compile(r"pgk_[A-Za-z0-9_-]{43}")
HASH = keys.hashed("sk-of-litellm")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith(("POLYGLOT_", "OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "GROK", "XAI")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: PRINTED, line: str, *more: str, status: int = 0) -> str:
    """What the command printed, or complained of where it should fail."""
    assert cli.main([*line.split(), *more]) == status
    told = capsys.readouterr()
    assert bool(told.err) is bool(status)
    return told.err if status else told.out


def document(capsys: PRINTED, line: str, *more: str) -> Any:
    return json.loads(run(capsys, f"{line} --json", *more))


def a_key(capsys: PRINTED, *more: str) -> dict[str, Any]:
    run(capsys, "tenants create acme")
    made: dict[str, Any] = document(capsys, "keys create --tenant acme", *more)
    return made


def test_a_key_is_shown_once(capsys: PRINTED, bare: Path) -> None:
    run(capsys, "tenants create acme")
    told = run(capsys, "keys create --tenant acme --title ci")
    secret = SECRET.findall(told)
    assert len(secret) == 1
    (made,) = document(capsys, "keys list")
    for line in (
        "keys list",
        "keys list --json",
        f"keys show {made['id']}",
        f"keys show {made['id']} --json",
        "keys audit --json",
    ):
        assert secret[0] not in run(capsys, line)
    assert (bare / "artifacts" / DATABASE).stat().st_mode & 0o077 == 0


def test_it_is_the_key_that_the_store_knows(capsys: PRINTED, bare: Path) -> None:
    made = a_key(capsys)
    store = Store(connect(bare / "artifacts" / DATABASE), clock=lambda: 0)
    assert store.key(made["id"]).hashes[0].sha256 == keys.hashed(made["secret"])
    assert re.fullmatch(r"cli .+@.+", store.audit()[0].actor)
    store.close()


def test_what_a_tenant_may_do(capsys: PRINTED) -> None:
    made = document(
        capsys,
        "tenants create acme --provider openai --provider grok --model gpt-6* --face any --alias fast=gemini/low --tag a --tag b"
        " --limit requests_per_minute=60 --budget 10/day@Europe/Berlin --budget 2.50/call",
        "--title",
        "Acme Ltd.",
    )
    assert made == {
        "id": "acme",
        "title": "Acme Ltd.",
        "parent": None,
        "from": "store",
        "created": made["created"],
        "deleted": None,
        "providers": ["openai", "grok"],
        "models": ["gpt-6*"],
        "faces": ["any"],
        "aliases": {"fast": "gemini/low"},
        "limits": {"requests_per_minute": 60},
        "budgets": [
            {"period": "day", "limit_usd": "10.00", "zone": "Europe/Berlin", "alerts": [75, 90, 100]},
            {"period": "call", "limit_usd": "2.50", "zone": None, "alerts": [75, 90, 100]},
        ],
        "tags": ["a", "b"],
    }
    shown = run(capsys, "tenants show acme")
    assert "budgets    $10.00/day (Europe/Berlin), $2.50/call" in shown
    assert "aliases    fast = gemini/low" in shown
    assert "openai, grok, gpt-6*, face any" in run(capsys, "tenants list")


def test_an_update_replaces_the_parts_that_are_given(capsys: PRINTED) -> None:
    run(capsys, "tenants create top")
    run(capsys, "tenants create acme --tag a --budget 1/day --model x")
    run(capsys, "tenants update acme --budget 2/week --clear models --parent top")
    changed = document(capsys, "tenants show acme")
    assert [budget["period"] for budget in changed["budgets"]] == ["week"]
    assert "models" not in changed
    assert (changed["tags"], changed["parent"]) == (["a"], "top")
    assert document(capsys, "tenants update acme --title t")["parent"] == "top"
    assert document(capsys, "tenants update acme --no-parent")["parent"] is None


def test_the_life_of_a_key(capsys: PRINTED) -> None:
    made = a_key(capsys)
    new = document(capsys, f"keys rotate {made['id']} --grace 24h")
    assert new["id"] == made["id"]
    assert new["secret"] != made["secret"]
    assert new["old_secret_until"] is not None
    assert SECRET.search(run(capsys, f"keys rotate {made['id']}"))
    assert "ends at 2099-01-01T00:00:00Z" in run(capsys, f"keys expire {made['id']} 2099-01-01")
    assert "until 2099-01-01T00:00:00Z" in run(capsys, "keys list --tenant acme")
    assert "has no end" in run(capsys, f"keys expire {made['id']} never")
    assert document(capsys, f"keys expire {made['id']} 2099-01-01T01:00:00+01:00")["expires"] == "2099-01-01T00:00:00Z"
    assert document(capsys, f"keys expire {made['id']} 30d")["state"] == "holds"
    assert document(capsys, f"keys expire {made['id']} 0s")["state"] == "expired"
    assert document(capsys, f"keys update {made['id']} --title ci --model gpt-6*")["models"] == ["gpt-6*"]
    assert "is revoked" in run(capsys, f"keys revoke {made['id']}")
    assert document(capsys, f"keys show {made['id']}")["state"] == "revoked"
    assert made["id"] in run(capsys, "tenants show acme")


def test_a_key_is_taken_over(capsys: PRINTED) -> None:
    run(capsys, "tenants create acme")
    assert "is taken over" in run(capsys, f"keys import --tenant acme --sha256 {HASH} --budget 5/month --expires 90d")
    (taken,) = document(capsys, "keys list")
    assert (taken["from"], taken["budgets"][0]["limit_usd"]) == ("import", "5.00")


def test_a_tenant_goes(capsys: PRINTED) -> None:
    made = a_key(capsys)
    assert "has 1 keys that hold" in run(capsys, "tenants delete acme", status=1)
    assert "is deleted" in run(capsys, "tenants delete acme --with-keys")
    assert document(capsys, f"keys show {made['id']}")["state"] == "revoked"
    assert run(capsys, "tenants list") == "There are no tenants.\n"


def test_who_did_what_and_when(capsys: PRINTED) -> None:
    assert run(capsys, "keys audit") == "Nothing was changed yet.\n"
    made = a_key(capsys)
    lines = run(capsys, "keys audit").splitlines()
    assert [re.split(r"  +", line)[2:] for line in lines] == [
        ["WHAT", "OF"], ["key created", made["id"]], ["tenant created", "acme"],
    ]  # fmt: skip
    assert len(document(capsys, "keys audit --last 1")) == 1


def test_nothing_yet(capsys: PRINTED) -> None:
    assert run(capsys, "keys list") == "There are no keys.\n"
    assert document(capsys, "keys list") == document(capsys, "tenants list") == []


def test_the_file_is_shown_and_not_changed(capsys: PRINTED, bare: Path) -> None:
    (bare / "config").mkdir()
    (bare / "config" / "polyglot.toml").write_text(f'[tenant.filed]\n[key.ci]\ntenant = "filed"\nsha256 = "{HASH}"\n')
    assert [each["from"] for each in document(capsys, "keys list")] == ["file"]
    assert "file" in run(capsys, "tenants list")
    assert "declared in the configuration file" in run(capsys, "keys revoke key_ci", status=1)
    assert "declared in the configuration file" in run(capsys, "tenants update filed --title x", status=1)
    run(capsys, "tenants create below --parent filed")


COMPLAINTS = [
    ("tenants show nobody", "there is no tenant nobody"),
    ("tenants create Acme", "a tenant's name must be"),
    ("tenants create a --parent nobody", "has nobody above it, which is not there"),
    ("tenants create a --provider opnai", '--provider must name one that is there; did you mean "openai"?'),
    ("tenants create a --face all", "--face must name one that is there"),
    ("tenants create a --model *x", "--model must be a model such as"),
    ("tenants create a --alias fast", '--alias must be "provider/model"'),
    ("tenants create a --alias fast=x/y", "--alias must name one that is there"),
    ("tenants create a --limit rpm=1", "--limit must name one that is there"),
    ("tenants create a --limit concurrent_calls=0", "--limit must be a whole number"),
    ("tenants create a --budget 10", "--budget must be an amount and a period"),
    ("tenants create a --budget 10/year", "--budget must be for one of call, run, day, week, month, once"),
    ("tenants create a --budget x/day", "--budget must be an amount in US dollars"),
    ("tenants create a --budget 1/day@Mars", "--budget must be a time zone"),
    ("tenants create a --budget 1/day --budget 2/day", "--budget stands twice for one period"),
    ("tenants update acme --tag a --clear tags", "--clear tags takes away what another option gives"),
    ("keys create --tenant nobody", "there is no tenant nobody"),
    ("keys create --tenant acme --expires soon", "the end of a key must be a time such as"),
    ("keys list --tenant nobody", "there is no tenant nobody"),
    ("keys show key_none", "there is no key key_none"),
    ("keys rotate key_none --grace long", "--grace must be a span of time"),
    ("keys import --tenant acme --sha256 sk-mine", "must be a SHA-256"),
]


@pytest.mark.parametrize(("line", "complaint"), COMPLAINTS)
def test_what_is_wrong_is_one_line(capsys: PRINTED, line: str, complaint: str) -> None:
    run(capsys, "tenants create acme")
    told = run(capsys, line, status=1)
    assert complaint in told
    assert told.count("\n") == 1
    assert "sk-mine" not in told


@pytest.mark.parametrize("line", ["tenants", "keys", "keys create", "tenants dance", "keys import --tenant a"])
def test_a_wrong_command_line_is_status_2(capsys: PRINTED, line: str) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(line.split())
    assert left.value.code == 2


def test_a_database_that_is_none(capsys: PRINTED, bare: Path) -> None:
    (bare / "artifacts").mkdir()
    (bare / "artifacts" / DATABASE).write_bytes(b"no database" * 500)
    assert "not a database" in run(capsys, "keys list", status=1)


def test_check_tells_the_faults_of_the_file(capsys: PRINTED, bare: Path) -> None:
    (bare / "config").mkdir()
    (bare / "config" / "polyglot.toml").write_text("[tenant.acme]\nparnt = 1\n")
    assert cli.main(["check", "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["variable"] == "tenant.acme.parnt"
    assert problem["source"] == "config/polyglot.toml"
    assert cli.main(["serve"]) == 1
    assert 'tenant.acme.parnt (config/polyglot.toml) is no key here; did you mean "parent"?' in capsys.readouterr().err
