import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from polyglot_cloud import catalog
from polyglot_cloud.grants import BudgetRow, Cap, Grant, Hash
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Configuration, SettingsError, load

ROOT = Path(__file__).parents[2]
HASH, OTHER = "ab" * 32, "cd" * 32
SECRET = "a-key-of-someone-0123456789"

Read = Callable[..., Configuration]


@pytest.fixture
def read(tmp_path: Path, rows: list[ProviderRow]) -> Read:
    """Reads a text as the file, with variables."""

    def read(text: str, environ: Mapping[str, str] | None = None) -> Configuration:
        path = tmp_path / "polyglot.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return load({"POLYGLOT_CONFIG": str(path), **(environ or {})}, tmp_path / ".env").configuration(rows)

    return read


def faults(read: Read, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Dotted key and reason of each fault."""
    with pytest.raises(SettingsError) as told:
        read(text, environ)
    assert all(str(problem.source).endswith("polyglot.toml") for problem in told.value.problems)
    return [f"{problem.variable} {problem.message}" for problem in told.value.problems]


# --- the file ---


def test_nobody_needs_the_file(tmp_path: Path, rows: list[ProviderRow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"POLYGLOT_BUDGET_USD_PER_DAY": "1"}, tmp_path / ".env")
    assert settings.configuration(rows) == Configuration(budgets=(BudgetRow("process", "day", 10**9, "UTC"),))


def test_it_is_found_where_it_is_usual(
    tmp_path: Path, rows: list[ProviderRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "polyglot.toml").write_text("[tenant.acme]\n")
    settings = load({}, tmp_path / ".env")
    found = settings.configuration(rows)
    assert found.path == Path("config/polyglot.toml")
    assert [tenant.id for tenant in found.tenants] == ["acme"]
    shown = {each.variable: each.value for each in settings.in_force(rows)}
    assert shown["POLYGLOT_CONFIG"] == "config/polyglot.toml"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "does not exist, though POLYGLOT_CONFIG names it"),
        (b"[tenant", "is not TOML"),
        (b"a = 1\na = 2", "is not TOML"),
        (b"a = '\xff'", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, rows: list[ProviderRow], content: bytes | None, why: str) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=why) as told:
        load({"POLYGLOT_CONFIG": str(path)}, tmp_path / ".env").configuration(rows)
    assert str(path) in str(told.value)


def test_a_folder_is_no_file(tmp_path: Path, rows: list[ProviderRow]) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"POLYGLOT_CONFIG": str(tmp_path)}, tmp_path / ".env").configuration(rows)


def test_a_file_that_others_can_write_is_warned_of(tmp_path: Path, rows: list[ProviderRow]) -> None:
    path = tmp_path / "x.toml"
    path.touch()
    path.chmod(0o622)
    settings = load({"POLYGLOT_CONFIG": str(path)}, tmp_path / ".env")
    assert settings.problems(rows) == []
    found = settings.configuration(rows)
    assert [problem.level for problem in found.problems] == ["warning"]
    assert settings.problems(rows) == list(found.problems)
    settings.configuration(rows)
    assert settings.problems(rows) == list(found.problems)


def test_the_example_is_right(tmp_path: Path) -> None:
    rows = list(catalog.load().providers.values())
    path = tmp_path / "polyglot.toml"
    shutil.copy(ROOT / "config" / "polyglot.example.toml", path)
    path.chmod(0o600)
    found = load({"POLYGLOT_CONFIG": str(path)}, tmp_path / ".env").configuration(rows)
    assert [tenant.id for tenant in found.tenants] == ["acme", "acme-research"]
    assert [(key.id, key.tenant, len(key.hashes)) for key in found.keys] == [
        ("key_ci", "acme", 1),
        ("key_notebook", "acme-research", 2),
    ]
    assert [budget.id for budget in found.budgets] == ["process/day", "provider:openai/month"]
    known = {
        hashlib.sha256(word.encode()).hexdigest() for word in ("", "test", "foo", "bar", "key", "secret", "sk-1234")
    }
    assert not known & {each.sha256 for key in found.keys for each in key.hashes}


def test_the_example_says_what_to_uncomment(tmp_path: Path, rows: list[ProviderRow], read: Read) -> None:
    text = (ROOT / "config" / "polyglot.example.toml").read_text("utf-8")
    opened = text.replace("# [key.app]", "[key.app]").replace('# tenant = "acme"\n# env', 'tenant = "acme"\nenv')
    found = read(opened, {"APP_GATEWAY_KEY": SECRET})
    assert found.keys[-1].hashes == (Hash(hashlib.sha256(SECRET.encode()).hexdigest()),)


# --- what is declared ---


def test_a_tenant_with_everything(read: Read) -> None:
    found = read("""
        [tenant.top]
        [tenant.acme]
        title = "Acme"
        parent = "top"
        providers = ["openai", "grok"]
        models = ["gpt-6*", "grok/grok-4"]
        faces = ["any"]
        aliases = { fast = "gemini/low" }
        limits = { requests_per_minute = 5 }
        tags = ["a", "b"]
        [[tenant.acme.budget]]
        period = "day"
        limit = 0.1
        zone = "Europe/Berlin"
        alerts = [1, 100]
        [[tenant.acme.budget]]
        period = "once"
        limit = "3.000000001"
    """)
    acme = found.tenants[1]
    assert (acme.id, acme.title, acme.parent, acme.declared) == ("acme", "Acme", "top", True)
    assert acme.grant == Grant(
        ("openai", "grok"), ("gpt-6*", "grok/grok-4"), ("any",), {"fast": "gemini/low"}, {"requests_per_minute": 5},
        (Cap("day", 100_000_000, "Europe/Berlin", (1, 100)), Cap("once", 3_000_000_001, "UTC")), ("a", "b"),
    )  # fmt: skip


def test_a_key_and_its_end(read: Read) -> None:
    found = read(f"""
        [tenant.acme]
        [key.ci]
        tenant = "acme"
        sha256 = ["{HASH.upper()}", "{OTHER}"]
        expires = 2027-01-01T01:00:00.5+01:00
        [[key.ci.budget]]
        period = "call"
        limit = 1
    """)
    key = found.keys[0]
    assert (key.id, key.tenant, key.declared) == ("key_ci", "acme", True)
    assert key.hashes == (Hash(HASH), Hash(OTHER))
    assert key.expires_at == 1_798_761_600_500_000
    assert key.grant.budgets == (Cap("call", 10**9, "UTC"),)


def test_a_key_of_the_environment_is_hashed_and_kept_nowhere(read: Read) -> None:
    found = read('[tenant.a]\n[key.k]\ntenant = "a"\nenv = "MINE"\n', {"MINE": f" {SECRET} "})
    assert found.keys[0].hashes[0].sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert SECRET not in repr(found)


def test_budgets_of_settings_and_file_come_together(read: Read) -> None:
    found = read(
        '[[budget]]\nperiod = "week"\nlimit = 2\n[[provider.grok.budget]]\nperiod = "call"\nlimit = 3\n',
        {
            "POLYGLOT_BUDGET_USD_PER_DAY": "1",
            "POLYGLOT_BUDGET_GROK_USD_PER_DAY": "4.5",
            "POLYGLOT_BUDGET_OPENAI_USD_PER_MONTH": "5",
            "POLYGLOT_BUDGET_ZONE": "Asia/Tokyo",
        },
    )
    assert [(budget.id, budget.limit, budget.zone) for budget in found.budgets] == [
        ("process/day", 1_000_000_000, "Asia/Tokyo"),
        ("provider:grok/day", 4_500_000_000, "Asia/Tokyo"),
        ("provider:openai/month", 5_000_000_000, "Asia/Tokyo"),
        ("process/week", 2_000_000_000, "Asia/Tokyo"),
        ("provider:grok/call", 3_000_000_000, "Asia/Tokyo"),
    ]


# --- faults ---

TENANT = "[tenant.acme]\n"
KEY = f'[tenant.acme]\n[key.k]\ntenant = "acme"\nsha256 = "{HASH}"\n'
BUDGET = TENANT + '[[tenant.acme.budget]]\nperiod = "day"\nlimit = 1\n'

FAULTS = [
    ("bugdet = 1", 'bugdet is no key here; did you mean "budget"?'),
    ("[zzzz]", "zzzz is no key here; there are: budget, key, provider, tenant."),
    ("tenant = 1", "tenant must be a table."),
    ("[tenant]\nacme = 1", "tenant.acme must be a table."),
    ("budget = 1", "budget must be an array of tables, each headed by [[...]]."),
    ("[budget]\nlimit = 1", "budget must be an array of tables, each headed by [[...]]."),
    ('[[budget]]\nperiod = "day"', "budget[1].limit is missing."),
    ("[[budget]]\nlimit = 1", "budget[1].period is missing."),
    (BUDGET + '[[tenant.acme.budget]]\nperiod = "year"\nlimit = 1', "tenant.acme.budget[2].period must be one of call, run, day,"),
    (BUDGET + '[[tenant.acme.budget]]\nperiod = "day"\nlimit = 2', "tenant.acme.budget[2].period is a second budget of tenant:acme"),
    ('[[budget]]\nperiod = "day"\nlimit = 0', "budget[1].limit must be more than zero."),
    ('[[budget]]\nperiod = "day"\nlimit = -1', "budget[1].limit must be an amount in US dollars"),
    ('[[budget]]\nperiod = "day"\nlimit = true', "budget[1].limit must be an amount in US dollars"),
    ('[[budget]]\nperiod = "day"\nlimit = nan', "budget[1].limit must be an amount in US dollars"),
    ('[[budget]]\nperiod = "day"\nlimit = 0.0000000001', "budget[1].limit must be an amount in US dollars"),
    ('[[budget]]\nperiod = "day"\nlimit = 1\nzone = "Mars"', "budget[1].zone must be a time zone"),
    ('[[budget]]\nperiod = "day"\nlimit = 1\nzone = "../x"', "budget[1].zone must be a time zone"),
    ('[[budget]]\nperiod = "day"\nlimit = 1\nalerts = [90, 50]', "budget[1].alerts must be whole percents"),
    ('[[budget]]\nperiod = "day"\nlimit = 1\nalerts = [101]', "budget[1].alerts must be whole percents"),
    ('[[budget]]\nperiod = "day"\nlimit = 1\nalerts = 5', "budget[1].alerts must be a list of percents"),
    ("[provider.opnai]", 'provider.opnai is no provider; did you mean "openai"?'),
    ("[provider.openai]\nport = 1", "provider.openai.port is no key here"),
    ("[tenant.Acme]", "tenant.Acme is no name of a tenant: it must be 1 to 63"),
    ('[tenant."a b"]', 'tenant."a b" is no name of a tenant'),
    (TENANT + 'parent = "acme"', "tenant.acme.parent leads nowhere: acme is its own ancestor: acme > acme."),
    (TENANT + 'parent = "acm"', 'tenant.acme.parent must name a tenant of this file; did you mean "acme"?'),
    (TENANT + "title = 5", "tenant.acme.title must be a text in quotes."),
    (TENANT + "parnt = 5", 'tenant.acme.parnt is no key here; did you mean "parent"?'),
    (TENANT + "providers = []", "tenant.acme.providers must be a list with something in it"),
    (TENANT + 'providers = ["openai", "gemni"]', 'tenant.acme.providers[2] must name a provider that is there; did you mean "gemini"?'),
    (TENANT + 'providers = ["openai", "openai"]', "tenant.acme.providers[2] stands there twice."),
    (TENANT + 'models = ["*x"]', "tenant.acme.models[1] must be a model such as"),
    (TENANT + 'faces = ["all"]', "tenant.acme.faces[1] must name a face that is there"),
    (TENANT + 'aliases = { fast = "x" }', 'tenant.acme.aliases.fast must be "provider/model"'),
    (TENANT + 'aliases = { fast = "x/y" }', 'tenant.acme.aliases.fast must be "provider/model" with a provider'),
    (TENANT + 'aliases = { "a b" = "gemini/low" }', 'tenant.acme.aliases."a b" must be one word'),
    (TENANT + "limits = { rpm = 1 }", "tenant.acme.limits.rpm must be one of requests_per_minute"),
    (TENANT + "limits = { concurrent_calls = 0 }", "tenant.acme.limits.concurrent_calls must be a whole number"),
    (TENANT + 'tags = ["a b"]', "tenant.acme.tags[1] must be one word"),
    ("[key.k]", "key.k.tenant is missing."),
    (TENANT + '[key.k]\ntenant = "acme"', "key.k must have either sha256 or env"),
    (KEY + 'env = "X"', "key.k must have either sha256 or env"),
    (f'[key.K]\ntenant = "x"\nsha256 = "{HASH}"', "key.K is no name of a key"),
    (f'{TENANT}[key.k]\ntenant = "acm"\nsha256 = "{HASH}"', "key.k.tenant must name a tenant of this file"),
    (f'{TENANT}[key.k]\ntenant = "acme"\nsha256 = "{SECRET}"', "key.k.sha256 must be a SHA-256: 64 hexadecimal digits."),
    (f'{TENANT}[key.k]\ntenant = "acme"\nsha256 = ["{HASH}", "x"]', "key.k.sha256[2] must be a SHA-256"),
    (f'{KEY}[key.l]\ntenant = "acme"\nsha256 = "{HASH}"', "key.l.sha256 is the same key as key.k.sha256."),
    (KEY + "expires = 2027-01-01", "key.k.expires must be a date and time with its offset"),
    (KEY + "expires = 2027-01-01T00:00:00", "key.k.expires must be a date and time with its offset"),
    (KEY + 'parent = "acme"', "key.k.parent is no key here"),
    (f'{TENANT}[key.k]\ntenant = "acme"\nenv = "ABSENT"', "key.k.env names a variable that is not set."),
    (f'{TENANT}[key.k]\ntenant = "acme"\nenv = "SHORT"', "key.k.env names a variable that holds no key"),
    (f'{TENANT}[key.k]\ntenant = "acme"\nenv = "HOLLOW"', "key.k.env names a variable that holds no key"),
    (f'{TENANT}[key.k]\ntenant = "acme"\nenv = "OPENAI_API_KEY"', "key.k.env must name a variable of its own"),
    (f'{TENANT}[key.k]\ntenant = "acme"\nenv = "POLYGLOT_X"', "key.k.env must name a variable of its own"),
]  # fmt: skip
ENVIRON = {"SHORT": "pgk_short", "HOLLOW": "your-key-here-" + "x" * 20, "OPENAI_API_KEY": SECRET}


@pytest.mark.parametrize(("text", "fault"), FAULTS, ids=[fault.split()[0] for _, fault in FAULTS])
def test_each_fault_is_told_with_its_key_and_reason(read: Read, text: str, fault: str) -> None:
    found = faults(read, text, ENVIRON)
    assert any(each.startswith(fault) for each in found), found
    assert SECRET not in "".join(found)
    assert "short" not in "".join(found)


def test_all_faults_at_once(read: Read) -> None:
    found = faults(
        read, "\n".join(text for text, _ in FAULTS[12:13]) + "\n[tenant.X]\nparnt = 1\n[key.y]\nmodels = []\n"
    )
    assert [each.split()[0] for each in found] == [
        "budget[1].limit", "tenant.X", "tenant.X.parnt", "key.y.tenant", "key.y", "key.y.models",
    ]  # fmt: skip


def test_a_circle_is_told_of_each_in_it_and_below(read: Read) -> None:
    parents = {"a": "b", "b": "a", "c": "a", "d": "zzz", "e": "d"}
    text = "".join(f'[tenant.{name}]\nparent = "{parent}"\n' for name, parent in parents.items())
    assert [each.split()[0] for each in faults(read, text)] == [
        "tenant.a.parent", "tenant.b.parent", "tenant.c.parent", "tenant.d.parent",
    ]  # fmt: skip


def test_a_tower_of_tenants_is_too_high(read: Read) -> None:
    floors = [f'[tenant.t{number}]\nparent = "t{number - 1}"\n' for number in range(1, 9)]
    assert faults(read, "[tenant.t0]\n" + "".join(floors)) == [
        "tenant.t8.parent leads nowhere: t8 has more than 7 tenants above it."
    ]
    read("[tenant.t0]\n" + "".join(floors[:7]))


def test_a_budget_of_the_settings_is_not_stated_again(read: Read) -> None:
    found = faults(read, '[[budget]]\nperiod = "day"\nlimit = 1', {"POLYGLOT_BUDGET_USD_PER_DAY": "1"})
    assert found == [
        "budget[1].period is a second budget of process for each day, here or among the settings; keep one."
    ]
