from collections.abc import Callable
from pathlib import Path

import pytest

from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import SettingsError, load

Write = Callable[[str], Path]


def test_everything_in_force_with_its_source(dotenv: Write, rows: list[ProviderRow]) -> None:
    path = dotenv("POLYGLOT_READ_TIMEOUT=0.5\nPOLYGLOT_ALLOWED_HOSTS=a.example,b.example\n")
    environ = {"POLYGLOT_PORT_GROK": "9", "POLYGLOT_ALIASES": '{"fast": "gemini/low"}'}
    shown = {
        found.variable: (found.value, str(found.origin))
        for found in load(environ, path, flags={"host": "::1"}).in_force(rows)
    }
    assert shown["POLYGLOT_HOST"] == ("::1", "flag")
    assert shown["POLYGLOT_PORT_OPENAI"] == ("8100", "default")
    assert shown["POLYGLOT_PORT_GROK"] == ("9", "environment")
    assert shown["POLYGLOT_ALIASES"] == ('{"fast":"gemini/low"}', "environment")
    assert shown["POLYGLOT_READ_TIMEOUT"] == ("0.5", f".env ({path})")
    assert shown["POLYGLOT_COMMIT_AFTER"] == ("10", "default")
    assert shown["POLYGLOT_ALLOWED_HOSTS"] == ("a.example, b.example", f".env ({path})")
    assert shown["POLYGLOT_ALLOWED_ORIGINS"] == shown["POLYGLOT_CATALOG"] == ("none", "default")
    assert len(shown) == 53 + 4


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("POLYGLOT_MAX_BODY_BYTE", "POLYGLOT_MAX_BODY_BYTES"),
        ("POLYGLOT_PORT", "POLYGLOT_PORT_GROK"),
        ("POLYGLOT_TIMEOUT", "POLYGLOT_READ_TIMEOUT"),
        ("POLYGLOT_TRANSPORTS", "POLYGLOT_TRANSPORT"),
        ("POLYGLOT_OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("POLYGLOT_PORT_OPENAPI", "POLYGLOT_PORT_OPENAI"),
        ("POLYGLOT_ANTROPIC_BASE_URL", "POLYGLOT_ANTHROPIC_BASE_URL"),
        ("POLYGLOT_PORTS", "POLYGLOT_PORT_GROK"),
        ("polyglot_host", "POLYGLOT_HOST"),
        ("OPENAI_MODEL_NAME_HIHG", "OPENAI_MODEL_NAME_HIGH"),
        ("GROK_MODEL_NAMES", "GROK_MODEL_NAME"),
        ("POLYGLOT_ZZZZZZZZZZZZZZZZ", None),
    ],
)
def test_an_unknown_name_is_reported_from_either_source(
    name: str, meant: str | None, dotenv: Write, rows: list[ProviderRow]
) -> None:
    path = dotenv(f"{name}=1\n")
    for settings, source in (
        (load({name: "1"}, path.with_name("absent")), "environment"),
        (load({}, path), f".env ({path})"),
    ):
        (problem,) = settings.problems(rows)
        assert (problem.variable, problem.source, problem.level) == (name, source, "warning")
        assert "is no setting, and has no effect." in str(problem)
        assert str(problem).partition("Did you mean ")[2] == (f"{meant}?" if meant else "")


def test_known_names_and_other_peoples_are_left_alone(tmp_path: Path, rows: list[ProviderRow]) -> None:
    environ = {
        "POLYGLOT_HOST": "::1",
        "POLYGLOT_PORT_GROK": "1",
        "POLYGLOT_GROK_BASE_URL": "https://h.example",
        "OPENAI_MODEL_NAME": "x",
        "OPENAI_MODEL_NAME_LOW": "x",
        "OPENAI_LOG": "debug",
        "PATH": "/bin",
    }
    assert load(environ, tmp_path / ".env").problems(rows) == []


def test_a_further_provider_makes_its_names_known(tmp_path: Path, provider: Callable[..., ProviderRow]) -> None:
    environ = {"POLYGLOT_PORT_MY_LLM": "1", "MY_LLM_MODEL_NAME_HIGH": "x"}
    settings = load(environ, tmp_path / ".env")
    assert settings.problems([provider("my-llm", None)]) == []
    assert len(settings.problems([provider("other", None)])) == 1


def test_an_alias_for_nobody_is_an_error(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load({"POLYGLOT_ALIASES": '{"a": "gemini/low", "b": "gemeni/low"}'}, tmp_path / ".env")
    (problem,) = settings.problems(rows)
    assert "has an alias b for a provider that is not there" in str(problem)
    assert "anthropic, gemini, grok, openai" in str(problem)


def test_findings_of_the_file_are_kept(dotenv: Write, rows: list[ProviderRow]) -> None:
    path = dotenv("POLYGLOT_HOST=::1\n")
    path.chmod(0o644)
    assert "chmod 600" in str(load({}, path).problems(rows)[0])


def test_caps_of_several_sources_come_together(dotenv: Write, rows: list[ProviderRow]) -> None:
    path = dotenv("POLYGLOT_BUDGET_OPENAI_USD_PER_DAY=1\nPOLYGLOT_BUDGET_OPENAI_USD_PER_WEEK=2\n")
    environ = {"POLYGLOT_BUDGET_OPENAI_USD_PER_DAY": "3.5", "POLYGLOT_BUDGET_USD_PER_MONTH": "40"}
    settings = load(environ, path)
    assert settings.problems(rows) == []
    assert [(budget.id, budget.limit) for budget in settings.budgets(rows)] == [
        ("provider:openai/day", 3_500_000_000),
        ("provider:openai/week", 2_000_000_000),
        ("process/month", 40_000_000_000),
    ]
    shown = {found.variable: (found.value, str(found.origin)) for found in settings.in_force(rows)}
    assert shown["POLYGLOT_BUDGET_OPENAI_USD_PER_DAY"] == ("3.50", "environment")
    assert shown["POLYGLOT_BUDGET_OPENAI_USD_PER_WEEK"] == ("2.00", f".env ({path})")
    assert shown["POLYGLOT_BUDGET_USD_PER_MONTH"] == ("40.00", "environment")
    assert shown["POLYGLOT_BUDGET_USD_PER_DAY"] == ("none", "default")


def test_a_cap_of_nobody_stops_the_start(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load({"POLYGLOT_BUDGET_OPENAPI_USD_PER_DAY": "3"}, tmp_path / ".env")
    with pytest.raises(SettingsError, match=r"OPENAPI_USD_PER_DAY \(environment\) caps a provider that is not there"):
        settings.configuration(rows)


@pytest.mark.parametrize("value", ["0", "-1", "1e3", "ten", "1.0000000001", "$5", "9999999999"])
def test_a_cap_that_is_no_amount(tmp_path: Path, value: str) -> None:
    for variable in ("POLYGLOT_BUDGET_USD_PER_DAY", "POLYGLOT_BUDGET_GROK_USD_PER_DAY"):
        with pytest.raises(SettingsError, match=rf"{variable} \(environment\) must be"):
            load({variable: value}, tmp_path / ".env")


@pytest.mark.parametrize("name", ["admin_key", "ledger_key"])
def test_a_secret_of_our_own_shows_nowhere(name: str, tmp_path: Path, rows: list[ProviderRow]) -> None:
    key, variable = "0123456789abcdef0123456789abcdef", f"POLYGLOT_{name.upper()}"
    settings = load({variable: key}, tmp_path / ".env")
    assert getattr(settings, name).reveal() == key
    assert key not in repr([settings, settings.in_force(rows), settings.model_dump()])
    for weak in (key[1:], "your-admin-key-here-your-admin-key-here", "a" * 31 + "ä"):
        with pytest.raises(SettingsError, match="at least 32 characters") as told:
            load({variable: weak}, tmp_path / ".env")
        assert weak not in str(told.value)


HOOK = "https://user-hooks.example:8443/services/T0/secret?sig=secret"


def test_a_webhook_is_shown_by_its_host_alone(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load(
        {"POLYGLOT_ALERT_WEBHOOK": HOOK, "POLYGLOT_ALERT_WEBHOOK_SECRET": "0123456789abcdef"}, tmp_path / ".env"
    )
    assert settings.alert_webhook is not None
    assert settings.alert_webhook.reveal() == HOOK
    assert settings.problems(rows) == []
    shown = {found.variable: found.value for found in settings.in_force(rows)}
    assert shown["POLYGLOT_ALERT_WEBHOOK"] == "https://user-hooks.example:8443/**********"
    assert shown["POLYGLOT_BUDGET_ALERTS"] == "75, 90, 100"
    for word in ("T0", "sig=", "0123456789abcdef"):
        assert word not in repr([settings, settings.in_force(rows), settings.model_dump()])


@pytest.mark.parametrize(
    "value",
    [
        "hooks.example", "ftp://hooks.example/T0", "https://ada:T0@hooks.example/", "https://hooks.example/T0#x", "https:///T0",
        "https://hooks.example/T0 x", "https://hooks.example/?T0=ä", "https://hooks.example:0/T0",
    ],
)  # fmt: skip
def test_a_webhook_that_is_none(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="POLYGLOT_ALERT_WEBHOOK") as told:
        load({"POLYGLOT_ALERT_WEBHOOK": value}, tmp_path / ".env")
    assert "T0" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "variable", "words"),
    [
        ({"ALERT_WEBHOOK": "http://hooks.example/"}, "POLYGLOT_ALERT_WEBHOOK", "plain http"),
        ({"ALERT_WEBHOOK_SECRET": "0123456789abcdef"}, "POLYGLOT_ALERT_WEBHOOK_SECRET", "signs nothing"),
        ({"ALERT_WEBHOOK": "http://127.0.0.1:9/"}, None, ""),
    ],
)
def test_a_doubtful_webhook_is_a_warning(
    given: dict[str, str], variable: str | None, words: str, tmp_path: Path, rows: list[ProviderRow]
) -> None:
    settings = load({f"POLYGLOT_{name}": value for name, value in given.items()}, tmp_path / ".env")
    found = [(problem.variable, problem.level) for problem in settings.problems(rows) if words in problem.message]
    assert found == ([(variable, "warning")] if variable else [])


def test_percents_of_alerts_are_those_of_the_budgets_of_variables(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load({"POLYGLOT_BUDGET_ALERTS": '["50", "100"]', "POLYGLOT_BUDGET_USD_PER_DAY": "1"}, tmp_path / ".env")
    assert [budget.alerts for budget in settings.budgets(rows)] == [(50, 100)]
    for wrong in ("100, 75", "0", "101", "75%", "x"):
        with pytest.raises(SettingsError, match="POLYGLOT_BUDGET_ALERTS"):
            load({"POLYGLOT_BUDGET_ALERTS": wrong}, tmp_path / ".env")


def test_the_port_of_administration_is_no_providers(tmp_path: Path, rows: list[ProviderRow]) -> None:
    given = {"POLYGLOT_ADMIN_KEY": "0123456789abcdef" * 2, "POLYGLOT_ADMIN_PORT": "8100"}
    with pytest.raises(SettingsError, match=r"POLYGLOT_ADMIN_PORT \(environment\) is 8100, which openai has already"):
        load(given, tmp_path / ".env").credentials(rows)
    load({**given, "POLYGLOT_ADMIN_KEY": ""}, tmp_path / ".env").credentials(rows)
    given["OPENAI_BASE_URL"] = "http://127.0.0.1:8119/v1"
    given["POLYGLOT_ADMIN_PORT"] = "8119"
    assert "127.0.0.1" not in load(given, tmp_path / ".env").credentials(rows)["openai"].base_url


def test_a_model_of_the_swarm_for_nobody_is_an_error(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load({"POLYGLOT_SWARM_MODELS": "openai/gpt-5.5, gemeni/high"}, tmp_path / ".env")
    (problem,) = settings.problems(rows)
    assert "names gemeni/high, whose provider is not there" in str(problem)
    assert problem.level == "error"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"POLYGLOT_SWARM": "auto", "POLYGLOT_SWARM_ROUTER_PORT": "8103"}, ["SWARM_ROUTER_PORT", "which grok has"]),
        (
            {"POLYGLOT_SWARM": "embedded", "POLYGLOT_SWARM_REGISTRY_PORT": "6103"},
            ["SWARM_REGISTRY_PORT", "which POLYGLOT_SWARM_ROUTER_PORT has"],
        ),
        (
            {
                "POLYGLOT_SWARM": "auto",
                "POLYGLOT_SWARM_ROUTER_PORT": "8119",
                "POLYGLOT_ADMIN_KEY": "0123456789abcdef" * 2,
            },
            ["SWARM_ROUTER_PORT", "which POLYGLOT_ADMIN_PORT has"],
        ),
        ({"POLYGLOT_SWARM": "external", "POLYGLOT_SWARM_ROUTER_PORT": "8103"}, []),
        ({"POLYGLOT_SWARM": "auto", "POLYGLOT_SWARM_ROUTER_PORT": "0", "POLYGLOT_SWARM_GATEWAY_PORT": "0"}, []),
    ],
)
def test_two_cannot_have_one_port(
    environ: dict[str, str], said: list[str], tmp_path: Path, rows: list[ProviderRow]
) -> None:
    problems = [str(problem) for problem in load(environ, tmp_path / ".env").problems(rows)]
    assert len(problems) == (1 if said else 0)
    assert all(word in problem for problem in problems for word in said)
