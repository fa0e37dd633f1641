import json
import logging
import pickle
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Access, Secret, Settings, SettingsError, load

Write = Callable[[str], Path]
Rows = list[ProviderRow]
SECRET = "sk-live-0123456789"


def read(environ: Mapping[str, str], path: Path, rows: Rows) -> dict[str, Access]:
    return load(environ, path).credentials(rows, machine="box")


def said(access: Access) -> str:
    return "\n".join(f"{problem.level}: {problem}" for problem in access.problems)


# --- keys ---

KEYS: list[tuple[dict[str, str], str, str, str | None, str | None]] = [
    # environment, file, provider -> variable, origin (file or environment)
    ({"OPENAI_API_KEY": "e"}, "", "openai", "OPENAI_API_KEY", "environment"),
    ({}, "OPENAI_API_KEY=f", "openai", "OPENAI_API_KEY", ".env"),
    ({"OPENAI_API_KEY": "e"}, "OPENAI_API_KEY=f", "openai", "OPENAI_API_KEY", "environment"),
    ({"OPENAI_API_KEY": ""}, "OPENAI_API_KEY=f", "openai", "OPENAI_API_KEY", ".env"),
    ({"OPENAI_API_KEY": "sk-..."}, "OPENAI_API_KEY=f", "openai", "OPENAI_API_KEY", ".env"),
    ({"XAI_API_KEY": "e", "GROK_API_KEY": "e2"}, "", "grok", "XAI_API_KEY", "environment"),
    ({}, "GROK_API_KEY=f2\nXAI_API_KEY=f", "grok", "XAI_API_KEY", ".env"),
    ({"GROK_API_KEY": "e"}, "XAI_API_KEY=f", "grok", "GROK_API_KEY", "environment"),
    ({"XAI_API_KEY": "xai-...", "GROK_API_KEY": "e"}, "", "grok", "GROK_API_KEY", "environment"),
    ({"GEMINI_API_KEY": "e"}, "", "gemini", "GEMINI_API_KEY", "environment"),
    ({"GEMINI_API_KEY": "e2", "GOOGLE_API_KEY": "e"}, "", "gemini", "GOOGLE_API_KEY", "environment"),
    ({"OPENAI_API_KEY": "e"}, "", "anthropic", None, None),
]


@pytest.mark.parametrize(("environ", "text", "name", "variable", "origin"), KEYS)
def test_whose_key_wins(
    environ: dict[str, str],
    text: str,
    name: str,
    variable: str | None,
    origin: str | None,
    dotenv: Write,
    rows: Rows,
) -> None:
    access = read(environ, dotenv(text), rows)[name]
    assert access.key_variable == variable
    assert (str(access.key_origin).partition(" (")[0] if access.key_origin else None) == origin
    assert (access.key.reveal() if access.key else None) == (origin and {"environment": "e", ".env": "f"}[origin])
    assert bool(access.missing_key_message) is (variable is None)


MISSING: list[tuple[dict[str, str], str, str, str]] = [
    (
        {},
        "",
        "openai",
        "OPENAI_API_KEY not found in .env. Please add it: OPENAI_API_KEY=sk-... Keys are made at https://openai.example/keys.",
    ),
    (
        {},
        "",
        "grok",
        "GROK_API_KEY not found in .env. Please add it: GROK_API_KEY=xai-... (XAI_API_KEY is read as well.) Keys are made at",
    ),
    ({}, "OPENAI_API_KEY=sk-...", "openai", "OPENAI_API_KEY in .env holds a placeholder, not a key. Please add it:"),
    ({"OPENAI_API_KEY": " "}, "", "openai", "OPENAI_API_KEY in the environment is blank. Please add it:"),
    ({"OPENAI_API_KEY": "a\nb"}, "", "openai", "OPENAI_API_KEY in the environment holds white space, a control"),
    ({"OPENAI_APIKEY": "x"}, "", "openai", "not found in .env. OPENAI_APIKEY is set: did you mean OPENAI_API_KEY?"),
    (
        {"GROK_API_KEY": "xai-..."},
        "XAI_API_KEY=''",
        "grok",
        "GROK_API_KEY in the environment holds a placeholder, not a key. XAI_API_KEY in .env is blank. Please",
    ),
]


@pytest.mark.parametrize(("environ", "text", "name", "message"), MISSING)
def test_a_missing_key_says_why_and_what_to_do(
    environ: dict[str, str], text: str, name: str, message: str, dotenv: Write, rows: Rows
) -> None:
    path = dotenv(text)
    accesses = read(environ, path, rows)
    access = accesses[name]
    assert message in access.missing_key_message
    assert str(path.parent) not in access.missing_key_message
    assert f"error: {access.missing_key_message}" in said(access)
    assert len(accesses) == 4


def test_the_message_names_the_file_in_use(tmp_path: Path, rows: Rows) -> None:
    message = read({}, tmp_path / "prod.env", rows)["openai"].missing_key_message
    assert message.startswith("OPENAI_API_KEY not found in prod.env.")


def test_a_row_without_key_variables_is_told_so(tmp_path: Path, rows: Rows) -> None:
    row = replace(rows[0], key_variables=())
    message = read({}, tmp_path / ".env", [row])["openai"].missing_key_message
    assert "Add key_variables to its entry" in message


def test_a_cleaned_key_is_noted(tmp_path: Path, rows: Rows) -> None:
    access = read({"OPENAI_API_KEY": f'"{SECRET}"'}, tmp_path / ".env", rows)["openai"]
    assert access.key == Secret(SECRET)
    assert said(access).startswith("note: OPENAI_API_KEY (environment) has quotes")


# --- base URLs ---

ENV, FILE = "environment", ".env"
URLS: list[tuple[dict[str, str], str, str, str, str]] = [
    # environment, file, provider -> base URL, origin
    ({}, "", "openai", "https://api.openai.example/v1", "catalog"),
    ({"OPENAI_BASE_URL": ""}, "", "openai", "https://api.openai.example/v1", "catalog"),
    ({"OPENAI_BASE_URL": "https://p.example"}, "", "openai", "https://p.example/v1", ENV),
    ({"OPENAI_BASE_URL": "https://p.example/v1/"}, "", "openai", "https://p.example/v1", ENV),
    ({"GEMINI_BASE_URL": "https://p.example/g"}, "", "gemini", "https://p.example/g/v1beta", ENV),
    ({"GEMINI_BASE_URL": "https://p.example/v1"}, "", "gemini", "https://p.example/v1", ENV),
    ({"XAI_BASE_URL": "https://p.example"}, "", "grok", "https://p.example/v1", ENV),
    (
        {"XAI_BASE_URL": "https://p.example", "POLYGLOT_GROK_BASE_URL": "https://q.example"},
        "",
        "grok",
        "https://q.example/v1",
        ENV,
    ),
    (
        {"OPENAI_BASE_URL": "https://p.example"},
        "POLYGLOT_OPENAI_BASE_URL=https://q.example\nOPENAI_API_KEY=f",
        "openai",
        "https://q.example/v1",
        FILE,
    ),
    (
        {"OPENAI_BASE_URL": "https://p.example"},
        "OPENAI_BASE_URL=https://q.example\nOPENAI_API_KEY=f",
        "openai",
        "https://p.example/v1",
        ENV,
    ),
]


@pytest.mark.parametrize(("environ", "text", "name", "url", "origin"), URLS)
def test_whose_base_url_wins(
    environ: dict[str, str], text: str, name: str, url: str, origin: str, dotenv: Write, rows: Rows
) -> None:
    access = read(environ, dotenv(text), rows)[name]
    assert access.base_url == url
    assert str(access.base_url_origin).partition(" (")[0] == origin
    assert (access.base_url_variable is None) is (origin == "catalog")


PLANTED: list[tuple[dict[str, str], str, bool]] = [
    # environment, file -> whether the file's base URL is used
    ({"OPENAI_API_KEY": "e"}, "OPENAI_BASE_URL=https://evil.example", False),
    ({"OPENAI_API_KEY": "e"}, "POLYGLOT_OPENAI_BASE_URL=https://evil.example", False),
    ({"OPENAI_API_KEY": "e"}, "OPENAI_BASE_URL=https://evil.example\nOPENAI_API_KEY=f", False),
    ({}, "OPENAI_BASE_URL=https://evil.example\nOPENAI_API_KEY=f", True),
    ({"OPENAI_API_KEY": "sk-..."}, "OPENAI_BASE_URL=https://evil.example\nOPENAI_API_KEY=f", True),
    ({}, "OPENAI_BASE_URL=https://evil.example", True),
    ({"ANTHROPIC_API_KEY": "e"}, "OPENAI_BASE_URL=https://evil.example\nOPENAI_API_KEY=${ANTHROPIC_API_KEY}", True),
]


@pytest.mark.parametrize(("environ", "text", "used"), PLANTED)
def test_a_planted_file_carries_no_key_away(
    environ: dict[str, str], text: str, used: bool, dotenv: Write, rows: Rows
) -> None:
    access = read(environ, dotenv(text), rows)["openai"]
    assert ("evil" in access.base_url) is used
    assert ("is ignored: it stands in a file" in said(access)) is not used
    assert not ("evil" in access.base_url and access.key == Secret("e"))


def test_a_base_url_of_the_environment_goes_with_a_key_of_the_file(dotenv: Write, rows: Rows) -> None:
    path = dotenv("OPENAI_API_KEY=f")
    access = read({"OPENAI_BASE_URL": "https://p.example"}, path, rows)["openai"]
    assert (access.base_url, access.key) == ("https://p.example/v1", Secret("f"))
    assert said(access) == ""


def test_behind_an_ignored_base_url_the_next_one_counts(dotenv: Write, rows: Rows) -> None:
    path = dotenv("POLYGLOT_OPENAI_BASE_URL=https://evil.example\n")
    environ = {"OPENAI_API_KEY": "e", "OPENAI_BASE_URL": "https://p.example"}
    assert read(environ, path, rows)["openai"].base_url == "https://p.example/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8100/v1",
        "http://localhost:8100",
        "http://[::1]:8100/v1",
        "http://0.0.0.0:8103",
        "http://localhost:8103/v1/openai",
        "http://box:8100",
        "http://box.local:8100",
        "http://gate.example:8101/v1",
        "http://192.168.1.4:9000",
    ],
)
@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "POLYGLOT_OPENAI_BASE_URL"])
def test_a_base_url_that_leads_to_us_is_ignored_aloud(url: str, variable: str, tmp_path: Path, rows: Rows) -> None:
    environ = {
        variable: url,
        "OPENAI_API_KEY": "e",
        "POLYGLOT_HOST": "192.168.1.4",
        "POLYGLOT_ALLOWED_HOSTS": "gate.example",
        "POLYGLOT_PORT_GEMINI": "9000",
    }
    access = read(environ, tmp_path / ".env", rows)["openai"]
    assert access.base_url == "https://api.openai.example/v1"
    assert f"note: {variable} (environment) leads to this gateway itself and is ignored" in said(access)


def test_another_port_of_this_machine_is_another_server(tmp_path: Path, rows: Rows) -> None:
    environ = {"OPENAI_BASE_URL": "http://127.0.0.1:8102", "POLYGLOT_PORT_GEMINI": "9000", "OPENAI_API_KEY": "e"}
    access = read(environ, tmp_path / ".env", rows)["openai"]
    assert access.base_url == "http://127.0.0.1:8102/v1"
    assert said(access) == ""


def test_without_a_word_about_the_machine_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: Rows
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "tower")
    settings = load({"OPENAI_BASE_URL": "http://tower:8100"}, tmp_path / ".env")
    assert settings.credentials(rows)["openai"].base_url == "https://api.openai.example/v1"


def test_plain_http_to_another_machine_is_warned_of(tmp_path: Path, rows: Rows) -> None:
    environ = {"OPENAI_BASE_URL": "http://p.example", "OPENAI_API_KEY": "e"}
    access = read(environ, tmp_path / ".env", rows)["openai"]
    assert access.base_url == "http://p.example/v1"
    assert "warning: OPENAI_BASE_URL (environment) is plain http to another machine" in said(access)


def test_base_urls_that_cannot_be_used_are_all_listed_without_their_text(dotenv: Write, rows: Rows) -> None:
    path = dotenv(f"ANTHROPIC_BASE_URL=https://h.example/?{SECRET}\n")
    environ = {"OPENAI_BASE_URL": f"https://u:{SECRET}@h.example", "POLYGLOT_GROK_BASE_URL": f"ftp://{SECRET}"}
    with pytest.raises(SettingsError) as refusal:
        read({**environ, "OPENAI_API_KEY": SECRET}, path, rows)
    assert {(problem.variable, problem.source) for problem in refusal.value.problems} == {
        ("OPENAI_BASE_URL", "environment"),
        ("ANTHROPIC_BASE_URL", f".env ({path})"),
        ("POLYGLOT_GROK_BASE_URL", "environment"),
    }
    assert SECRET not in "".join(traceback.format_exception(refusal.value)) + repr(refusal.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://h.example", r"base_url of openai must begin with https:// or http://. \(catalog\)"),
        ("http://localhost:8100/v1", r"base_url of openai leads to this gateway itself. \(catalog\)"),
    ],
)
def test_a_base_url_of_the_catalog_that_cannot_be_used(url: str, reason: str, tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(SettingsError, match=reason):
        read({}, tmp_path / ".env", [replace(rows[0], base_url=url)])


def test_a_base_url_of_the_catalog_is_warned_of_too_and_keeps_its_path(tmp_path: Path, rows: Rows) -> None:
    row = replace(rows[0], base_url="http://h.example/api/")
    access = read({"OPENAI_API_KEY": "e"}, tmp_path / ".env", [row])["openai"]
    assert access.base_url == "http://h.example/api"
    assert "warning: base_url of openai is plain http" in said(access)


# --- a catalog named in a file ---


@pytest.mark.parametrize(
    ("foreign", "openai", "grok"),
    [(None, None, None), ((), "e", "e"), (("grok",), "e", None)],
)
def test_a_catalog_named_in_the_file_gets_keys_of_the_file_only(
    foreign: tuple[str, ...] | None, openai: str | None, grok: str | None, dotenv: Write, rows: Rows
) -> None:
    environ = {"OPENAI_API_KEY": "e", "XAI_API_KEY": "e", "ANTHROPIC_API_KEY": "e"}
    settings = load(environ, dotenv("POLYGLOT_CATALOG=mine.toml\nANTHROPIC_API_KEY=f\n"))
    accesses = settings.credentials(rows, foreign=foreign)
    keys = {name: access.key.reveal() if access.key else None for name, access in accesses.items()}
    assert (keys["openai"], keys["grok"]) == (openai, grok)
    assert keys["anthropic"] == ("f" if foreign is None else "e")
    assert ("XAI_API_KEY is withheld" in accesses["grok"].missing_key_message) is (grok is None)


def test_a_catalog_named_in_the_environment_is_trusted(tmp_path: Path, rows: Rows) -> None:
    environ = {"OPENAI_API_KEY": "e", "POLYGLOT_CATALOG": "mine.toml"}
    assert read(environ, tmp_path / ".env", rows)["openai"].key == Secret("e")


def test_a_provider_of_ones_own_has_the_variables_of_its_row(
    tmp_path: Path, provider: Callable[..., ProviderRow]
) -> None:
    row = provider("my-llm", 9000, keys=("SOME_TOKEN",), urls=())
    environ = {
        "SOME_TOKEN": "e",
        "POLYGLOT_MY_LLM_BASE_URL": "https://p.example",
        "MY_LLM_MODEL_NAME_HIGH": "huge",
        "MY_LLM_ORG_ID": "o",
    }
    access = read(environ, tmp_path / ".env", [row])["my-llm"]
    assert (access.key, access.base_url, access.port) == (Secret("e"), "https://p.example/v1", 9000)
    assert (access.tiers, access.account, access.headers) == ({"high": "huge"}, {"organization": "o"}, {})


# --- ports, models, accounts ---


def test_two_providers_cannot_share_a_port(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(SettingsError) as refusal:
        read({"POLYGLOT_PORT_GROK": "8100"}, tmp_path / ".env", rows)
    assert "POLYGLOT_PORT_GROK (environment) is 8100, which openai has already" in str(refusal.value)


def test_any_number_of_them_may_take_a_free_one(tmp_path: Path, rows: Rows) -> None:
    environ = {f"POLYGLOT_PORT_{name}": "0" for name in ("OPENAI", "GROK", "GEMINI")}
    assert [access.port for access in read(environ, tmp_path / ".env", rows).values()] == [0, 8101, 0, 0]


def test_models_by_name_and_tier_with_their_origin(dotenv: Write, rows: Rows) -> None:
    path = dotenv("OPENAI_MODEL_NAME=gpt-x\nANTHROPIC_MODEL_NAME_HIGH=a\nANTHROPIC_MODEL_NAME_LOW=b\n")
    environ = {"ANTHROPIC_MODEL_NAME_LOW": " c ", "GEMINI_MODEL_NAME": ""}
    accesses = read(environ, path, rows)
    assert (accesses["openai"].default, accesses["openai"].tiers) == ("gpt-x", {})
    assert (accesses["anthropic"].default, accesses["anthropic"].tiers) == (None, {"low": "c", "high": "a"})
    assert {role: str(origin) for role, origin in accesses["anthropic"].model_origins.items()} == {
        "low": "environment",
        "high": f".env ({path})",
    }
    assert (accesses["gemini"].default, accesses["gemini"].model_origins) == (None, {})


@pytest.mark.parametrize(
    ("environ", "account", "headers"),
    [
        (
            {"OPENAI_ORG_ID": "o", "OPENAI_PROJECT_ID": "p"},
            {"organization": "o", "project": "p"},
            {"OpenAI-Organization": "o", "OpenAI-Project": "p"},
        ),
        (
            {"OPENAI_ORGANIZATION": "o", "OPENAI_PROJECT": "p"},
            {"organization": "o", "project": "p"},
            {"OpenAI-Organization": "o", "OpenAI-Project": "p"},
        ),
        (
            {"OPENAI_ORG_ID": "o", "OPENAI_ORGANIZATION": "o2"},
            {"organization": "o"},
            {"OpenAI-Organization": "o"},
        ),
        ({}, {}, {}),
    ],
)
def test_whom_openai_bills(
    environ: dict[str, str], account: dict[str, str], headers: dict[str, str], tmp_path: Path, rows: Rows
) -> None:
    access = read(environ, tmp_path / ".env", rows)["openai"]
    assert (access.account, access.headers) == (account, headers)


def test_a_project_of_gemini_is_known_and_not_sent(tmp_path: Path, rows: Rows) -> None:
    access = read({"GEMINI_PROJECT_ID": "p"}, tmp_path / ".env", rows)["gemini"]
    assert (access.account, access.headers) == ({"project": "p"}, {})


@pytest.mark.parametrize("variable", ["OPENAI_ORG_ID", "OPENAI_MODEL_NAME", "OPENAI_MODEL_NAME_LOW"])
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ä", "a\0"])
def test_what_no_header_may_hold_is_ignored_aloud(variable: str, value: str, tmp_path: Path, rows: Rows) -> None:
    access = read({variable: value, "OPENAI_API_KEY": "e"}, tmp_path / ".env", rows)["openai"]
    assert (access.account, access.headers, access.default, access.tiers) == ({}, {}, None, {})
    assert f"error: {variable} (environment) holds a control character" in said(access)
    assert value not in said(access)


# --- secrecy ---


def _settings(dotenv: Write) -> Settings:
    text = f"XAI_API_KEY={SECRET}\nANTHROPIC_API_KEY={SECRET} and more\nOPENAI_BASE_URL=https://evil.example\n"
    return load({"OPENAI_API_KEY": SECRET, "GOOGLE_API_KEY": f'"{SECRET}"'}, dotenv(text))


def test_no_door_shows_a_key(dotenv: Write, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    settings = _settings(dotenv)
    accesses = settings.credentials(rows)
    assert sum(access.key is not None for access in accesses.values()) == 3
    logging.getLogger("test").warning("%s %r", accesses, settings)
    shown = [repr(accesses), str(accesses), f"{accesses['openai']}", json.dumps(accesses, default=str), caplog.text]
    shown += [repr(asdict(access)) for access in accesses.values()]
    shown += [str(settings.problems(rows)), str(settings.in_force(rows))]
    assert SECRET not in "\n".join(shown)
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(accesses)


def test_no_traceback_shows_a_key(dotenv: Write, rows: Rows) -> None:
    settings = _settings(dotenv)
    rows[0] = replace(rows[0], base_url="nowhere")
    with pytest.raises(SettingsError) as refusal:
        settings.credentials(rows)
    shown = "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())
    assert "base_url of openai" in shown
    assert SECRET not in shown
