import os
import pickle
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Secret, Settings, SettingsError, load
from polyglot_cloud.settings.process import VARIABLES

Write = Callable[[str], Path]
SECRET = "sk-live-0123456789"
ADMIN_KEY = "0123456789abcdef" * 2

DEFAULTS: dict[str, Any] = {
    "host": "127.0.0.1",
    "ports": {},
    "allowed_hosts": (),
    "allowed_origins": (),
    "config": None,
    "admin_key": None,
    "admin_port": 8119,
    "budget_usd_per_day": None,
    "budget_usd_per_week": None,
    "budget_usd_per_month": None,
    "budget_usd_per_run": None,
    "provider_budgets": {},
    "budget_zone": "UTC",
    "budget_clamp": "on",
    "budget_server_tools": "refuse",
    "budget_alerts": (75, 90, 100),
    "alert_webhook": None,
    "alert_webhook_secret": None,
    "data_dir": Path("artifacts"),
    "receipts_dir": Path("artifacts/costs"),
    "ledger": "auto",
    "ledger_key": None,
    "ledger_synchronous": "normal",
    "hold": "while_waiting",
    "unbooked": "refuse",
    "log_level": "info",
    "catalog": None,
    "aliases": {},
    "retired": "refuse",
    "max_body_bytes": 33554432,
    "commit_after": 10.0,
    "connect_timeout": 5.0,
    "read_timeout": 600.0,
    "body_timeout": 60.0,
    "drain_timeout": 30.0,
    "media_fetch": "on",
    "media_hosts_allowed": (),
    "transport": "auto",
    "http2": "off",
    "client_cert": None,
    "client_key": None,
    "swarm": "external",
    "swarm_router_url": "http://127.0.0.1:6103",
    "swarm_gateway_url": "http://127.0.0.1:6120",
    "swarm_registry_url": "http://127.0.0.1:6121",
    "swarm_events_url": "http://127.0.0.1:6102",
    "swarm_router_port": 6103,
    "swarm_gateway_port": 6120,
    "swarm_registry_port": 6121,
    "swarm_leave": "park",
    "swarm_interval": 45.0,
    "swarm_models": (),
    "swarm_endpoints": (),
    "swarm_tenant": None,
}


def test_the_defaults(tmp_path: Path) -> None:
    settings = load({}, tmp_path / ".env")
    assert settings.model_dump() == {**DEFAULTS, "env_file": tmp_path / ".env"}


def test_built_by_hand_it_reads_no_hidden_source(monkeypatch: pytest.MonkeyPatch, rows: list[ProviderRow]) -> None:
    monkeypatch.setenv("POLYGLOT_HOST", "0.0.0.0")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    settings = Settings(log_level="debug")
    assert (settings.host, settings.log_level) == ("127.0.0.1", "debug")
    assert settings.credentials(rows)["openai"].key is None


def test_load_reads_no_hidden_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLYGLOT_HOST", "0.0.0.0")
    assert load({}, tmp_path / ".env").host == "127.0.0.1"


TEXTS: dict[str, tuple[str, Any]] = {
    "host": ("::1", "::1"),
    "allowed_hosts": ("a.example,b.example", ("a.example", "b.example")),
    "allowed_origins": ("http://localhost:3000", ("http://localhost:3000",)),
    "config": ("mine.toml", Path("mine.toml")),
    "admin_key": (ADMIN_KEY, Secret(ADMIN_KEY)),
    "admin_port": ("0", 0),
    "budget_usd_per_day": ("10", 10_000_000_000),
    "budget_usd_per_week": ("10.50", 10_500_000_000),
    "budget_usd_per_month": ("0.000000001", 1),
    "budget_usd_per_run": ("2", 2_000_000_000),
    "budget_zone": ("Europe/Berlin", "Europe/Berlin"),
    "budget_clamp": ("OFF", "off"),
    "budget_server_tools": ("allow", "allow"),
    "budget_alerts": ("50, 100", (50, 100)),
    "alert_webhook": ("https://hooks.example/T0?x=1", Secret("https://hooks.example/T0?x=1")),
    "alert_webhook_secret": (ADMIN_KEY, Secret(ADMIN_KEY)),
    "data_dir": ("elsewhere", Path("elsewhere")),
    "receipts_dir": ("receipts", Path("receipts")),
    "ledger": ("ON", "on"),
    "ledger_key": (ADMIN_KEY, Secret(ADMIN_KEY)),
    "ledger_synchronous": ("FULL", "full"),
    "hold": ("before_send", "before_send"),
    "unbooked": ("Allow", "allow"),
    "log_level": ("DEBUG", "debug"),
    "catalog": ("mine.toml", Path("mine.toml")),
    "aliases": ('{"fast": "gemini/low"}', {"fast": "gemini/low"}),
    "retired": ("Successor", "successor"),
    "max_body_bytes": ("1MiB", 1048576),
    "commit_after": ("0", 0.0),
    "connect_timeout": ("2s", 2.0),
    "read_timeout": ("15m", 900.0),
    "body_timeout": ("500ms", 0.5),
    "drain_timeout": ("0", 0.0),
    "media_fetch": ("Off", "off"),
    "media_hosts_allowed": ("Files.internal, 10.0.0.0/8", ("files.internal", "10.0.0.0/8")),
    "transport": ("HTTPX", "httpx"),
    "http2": ("On", "on"),
    "client_cert": ("mine.pem", Path("mine.pem")),
    "client_key": ("mine.key", Path("mine.key")),
    "swarm": ("Embedded", "embedded"),
    "swarm_router_url": ("http://localhost:7103/", "http://localhost:7103"),
    "swarm_gateway_url": ("http://[::1]:7120", "http://[::1]:7120"),
    "swarm_registry_url": ("https://swarm.example", "https://swarm.example"),
    "swarm_events_url": ("http://10.0.0.1:1", "http://10.0.0.1:1"),
    "swarm_router_port": ("0", 0),
    "swarm_gateway_port": ("7120", 7120),
    "swarm_registry_port": ("7121", 7121),
    "swarm_leave": ("DELETE", "delete"),
    "swarm_interval": ("500ms", 0.5),
    "swarm_models": ("openai/gpt-5.5, gemini/high", ("openai/gpt-5.5", "gemini/high")),
    "swarm_endpoints": ("http://127.0.0.1:9000,http://b:1/", ("http://127.0.0.1:9000", "http://b:1")),
    "swarm_tenant": ("acme", "acme"),
}


def test_every_field_is_played() -> None:
    assert set(TEXTS) == set(Settings.model_fields) - {"ports", "provider_budgets", "env_file"}


@pytest.mark.parametrize("name", TEXTS)
def test_every_setting_from_the_environment_the_file_and_a_flag(name: str, dotenv: Write) -> None:
    variable = f"POLYGLOT_{name.upper()}"
    text, expected = TEXTS[name]
    empty, path = dotenv("").with_name("absent"), dotenv(f"{variable}='{text}'\n")
    for settings, origin in (
        (load({variable: text}, empty), "environment"),
        (load({}, path), f".env ({path})"),
        (load({}, empty, flags={name: text}), "flag"),
    ):
        assert getattr(settings, name) == expected
        assert str(settings.origin(variable)) == origin


LAYERS: list[tuple[str | None, str | None, str | None, str, str]] = [
    # flag, environment, file -> level, origin
    ("error", "debug", "warning", "error", "flag"),
    (None, "debug", "warning", "debug", "environment"),
    (None, None, "warning", "warning", ".env"),
    (None, "", "warning", "warning", ".env"),
    (None, "  ", None, "info", "default"),
    (None, None, None, "info", "default"),
    ("error", None, None, "error", "flag"),
]


@pytest.mark.parametrize(("flag", "environment", "file", "level", "origin"), LAYERS)
def test_precedence(
    dotenv: Write, flag: str | None, environment: str | None, file: str | None, level: str, origin: str
) -> None:
    path = dotenv(f"POLYGLOT_LOG_LEVEL={file}\n" if file else "")
    environ = {} if environment is None else {"POLYGLOT_LOG_LEVEL": environment}
    settings = load(environ, path, flags={"log_level": flag})
    assert settings.log_level == level
    assert str(settings.origin("POLYGLOT_LOG_LEVEL")).startswith(origin)


def test_ports_of_several_sources_come_together(dotenv: Write, rows: list[ProviderRow]) -> None:
    path = dotenv("POLYGLOT_PORT_OPENAI=1\nPOLYGLOT_PORT_GROK=2\nPOLYGLOT_PORT_GEMINI=9\n")
    settings = load(
        {"POLYGLOT_PORT_GEMINI": "3", "POLYGLOT_PORT_OPENAI": "4"}, path, flags={"port_openai": 5, "port_grok": None}
    )
    assert settings.ports == {"openai": 5, "gemini": 3, "grok": 2}
    accesses = settings.credentials(rows)
    assert {name: access.port for name, access in accesses.items()} == {
        "openai": 5,
        "anthropic": 8101,
        "gemini": 3,
        "grok": 2,
    }
    assert [str(accesses[name].port_origin) for name in ("openai", "anthropic", "gemini")] == [
        "flag",
        "default",
        "environment",
    ]


def test_a_provider_of_ones_own_gets_a_port_by_its_name(tmp_path: Path, provider: Callable[..., ProviderRow]) -> None:
    rows = [provider("my-llm", None), provider("other", None)]
    accesses = load({"POLYGLOT_PORT_MY_LLM": "9000"}, tmp_path / ".env").credentials(rows)
    assert (accesses["my-llm"].port, accesses["other"].port) == (9000, None)


def test_names_are_upper_case(tmp_path: Path, rows: list[ProviderRow]) -> None:
    settings = load({"polyglot_host": "0.0.0.0", "POLYGLOT_PORT_openai": "1"}, tmp_path / ".env")
    assert settings.host == "127.0.0.1"
    assert settings.credentials(rows)["openai"].port == 8100
    assert {problem.variable for problem in settings.problems(rows)} == {"polyglot_host", "POLYGLOT_PORT_openai"}


def test_the_file_may_be_named_in_the_environment_or_by_a_flag(dotenv: Write, tmp_path: Path) -> None:
    named = dotenv("POLYGLOT_LOG_LEVEL=debug\n").rename(tmp_path / "named.env")
    default = dotenv("POLYGLOT_LOG_LEVEL=error\n")
    by_variable = load({"POLYGLOT_ENV_FILE": str(named)}, default)
    by_flag = load({"POLYGLOT_ENV_FILE": "absent"}, default, flags={"env_file": str(named)})
    assert [by_variable.log_level, by_flag.log_level] == ["debug", "debug"]
    assert by_variable.env_file == by_flag.env_file == named
    assert str(by_variable.origin("POLYGLOT_LOG_LEVEL")) == f".env ({named})"
    assert load({"POLYGLOT_ENV_FILE": " "}, default).log_level == "error"


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load({"POLYGLOT_ENV_FILE": str(tmp_path / "absent")}, tmp_path / ".env")
    with pytest.raises(SettingsError, match="POLYGLOT_ENV_FILE must be a path"):
        load({"POLYGLOT_ENV_FILE": "~nobody-of-this-name/x"})


@pytest.mark.parametrize("name", ["POLYGLOT_ENV_FILE", "POLYGLOT_SANDBOX_DELAY_MS", "POLYGLOT_VENV"])
def test_some_names_count_in_the_environment_only(name: str, dotenv: Write, rows: list[ProviderRow]) -> None:
    path = dotenv(f"{name}=1\n")
    (problem,) = load({}, path).problems(rows)
    assert f"{name} (.env ({path})) has no effect inside the file" in str(problem)
    assert load({name: os.devnull}, path.with_name("absent")).problems(rows) == []


def test_the_file_cannot_name_another(dotenv: Write, rows: list[ProviderRow]) -> None:
    settings = load({}, dotenv("POLYGLOT_ENV_FILE=other.env\n"))
    (problem,) = settings.problems(rows)
    assert "has no effect inside the file" in str(problem)
    assert settings.env_file.name == ".env"


def test_every_fault_is_listed_at_once_with_variable_and_source_and_without_value(dotenv: Write) -> None:
    path = dotenv(f"POLYGLOT_RETIRED={SECRET}\nPOLYGLOT_PORT_GROK={SECRET}\nprose {SECRET}\nPOLYGLOT_HOST={SECRET}!\n")
    environ = {"POLYGLOT_MAX_BODY_BYTES": SECRET, "POLYGLOT_ALIASES": f'{{"{SECRET}', "POLYGLOT_HOST": "h"}
    with pytest.raises(SettingsError) as refusal:
        load(environ, path, flags={"port_openai": SECRET, "log_level": SECRET})
    found = {(problem.variable, problem.source) for problem in refusal.value.problems}
    file = f".env ({path})"
    assert found == {
        (None, None),
        ("POLYGLOT_RETIRED", file),
        ("POLYGLOT_PORT_GROK", file),
        ("POLYGLOT_MAX_BODY_BYTES", "environment"),
        ("POLYGLOT_ALIASES", "environment"),
        ("POLYGLOT_PORT_OPENAI", "flag"),
        ("POLYGLOT_LOG_LEVEL", "flag"),
    }
    assert "must be one of refuse, successor, pass." in str(refusal.value)
    assert SECRET not in _everything(refusal.value)


def _everything(error: BaseException) -> str:
    """All that a log could show of an error, what it hides behind `from None` included."""
    chain: list[BaseException] = []
    last: BaseException | None = error
    while last is not None:
        chain.append(last)
        last = last.__cause__ or last.__context__
    shown = [f"{link!r} {link} {link.args} {vars(link)}" for link in chain]
    return "\n".join([*shown, *traceback.format_exception(error)])


def test_a_file_with_a_fault_stops_the_start_even_if_all_values_are_right(dotenv: Write) -> None:
    with pytest.raises(SettingsError, match="line 2"):
        load({}, dotenv("POLYGLOT_LOG_LEVEL=debug\nprose here\n"))


@pytest.mark.parametrize("flags", [{"hots": "x"}, {"ports": {}}])
def test_a_flag_that_is_no_setting_is_a_defect_of_the_caller(flags: Mapping[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no such setting"):
        load({}, tmp_path / ".env", flags=flags)


def test_settings_show_and_store_no_key(dotenv: Write) -> None:
    settings = load({"OPENAI_API_KEY": SECRET}, dotenv(f"XAI_API_KEY={SECRET}\n"))
    shown = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()), str(vars(settings))]
    shown += [repr(settings.model_copy(deep=True)), repr(settings.__pydantic_private__)]
    assert SECRET not in "\n".join(shown)
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(settings.__getstate__())


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load({}, tmp_path / ".env").host = "0.0.0.0"


def test_each_field_but_those_of_providers_is_one_variable() -> None:
    assert list(VARIABLES) == [name for name in Settings.model_fields if name not in {"ports", "provider_budgets"}]
