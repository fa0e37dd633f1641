import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polyglot_cloud import checkup
from polyglot_cloud.checkup import Probe, ProbeResult, Report, Resolution
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Access, Problem, SettingsError, load

SECRET = "sk-live-0123456789"

ALPHA = ProviderRow(
    name="alpha",
    title="Alpha Cloud",
    adapter="openai",
    base_url="https://alpha.example/v1",
    base_url_variables=("ALPHA_BASE_URL",),
    key_variables=("ALPHA_API_KEY",),
    key_example="sk-...",
    key_page="https://alpha.example/keys",
    dialects=("openai_chat",),
    tiers={"low": "a-small", "medium": "a-middling"},
    default="medium",
    port=8100,
)
BETA = replace(
    ALPHA,
    name="beta",
    title="Beta",
    base_url="https://beta.example/v1",
    base_url_variables=("BETA_BASE_URL",),
    key_variables=("BETA_API_KEY",),
    tiers={},
    default="b-one",
    port=None,
)
ROWS = [ALPHA, BETA]
BOTH = {"ALPHA_API_KEY": SECRET, "BETA_API_KEY": SECRET}


def resolve(provider: str, name: str) -> Resolution:
    match name:
        case "medium":
            return Resolution("a-middling")
        case "a-old":
            return Resolution("a-new", note="a-old was shut down on 2026-10-23; a-new answers")
        case "a-gone":
            return Resolution(None, problem="was shut down on 2026-10-23 and has no successor. Choose another.")
        case _:
            return Resolution(name)


async def examine(
    environ: Mapping[str, str], tmp_path: Path, probe: Probe | None = None, rows: list[ProviderRow] = ROWS
) -> Report:
    settings = load(environ, tmp_path / ".env")
    return await checkup.examine(settings, rows, settings.credentials(rows, machine="box"), resolve, probe)


async def test_with_all_keys_nothing_is_wrong(tmp_path: Path) -> None:
    report = await examine(BOTH, tmp_path)
    assert report.exit_status == 0
    assert report.text().endswith("Nothing is wrong.\n")
    assert json.loads(report.as_json())["ok"] is True


async def test_the_table_for_people(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ALPHA_MODEL_NAME_LOW=a-old\nALPHA_PROJECT_ID=p-1\n")
    (tmp_path / ".env").chmod(0o600)
    environ = {"ALPHA_API_KEY": SECRET, "ALPHA_BASE_URL": "https://p.example", "POLYGLOT_READ_TIMEOUT": "900"}
    text = (await examine(environ, tmp_path)).text()
    file = f".env ({tmp_path / '.env'})"
    assert text.startswith(
        f"""\
Alpha Cloud (alpha), http://127.0.0.1:8100
  key        present (ALPHA_API_KEY, environment)
  base URL   https://p.example/v1 (ALPHA_BASE_URL, environment)
  project    p-1
  default    medium -> a-middling (catalog)
  low        a-old -> a-new ({file}); a-old was shut down on 2026-10-23; a-new answers
  medium     a-middling (catalog)

Beta (beta), no port of its own
  key        missing
  base URL   https://beta.example/v1 (catalog)
  default    b-one (catalog)
  ✗ BETA_API_KEY not found in .env. Please add it: BETA_API_KEY=sk-... Keys are made at https://alpha.example/keys.

Administration of tenants and keys, off: POLYGLOT_ADMIN_KEY opens it

Settings
"""
    )
    assert re.search(r"\n  POLYGLOT_HOST +127\.0\.0\.1  \(default\)\n", text)
    assert re.search(r"\n  POLYGLOT_READ_TIMEOUT +900  \(environment\)\n", text)
    assert text.endswith(
        "\nWrong (1):\n  ✗ beta: BETA_API_KEY not found in .env. Please add it: BETA_API_KEY=sk-..."
        " Keys are made at https://alpha.example/keys.\n"
    )
    assert "reachable" not in text


async def test_the_same_for_programs(tmp_path: Path) -> None:
    environ = {"ALPHA_API_KEY": SECRET, "ALPHA_MODEL_NAME": "a-gone", "POLYGLOT_HOTS": "x"}
    document = json.loads((await examine(environ, tmp_path)).as_json())
    alpha, beta = document["providers"]
    assert document["ok"] is False
    assert alpha == {
        "name": "alpha",
        "title": "Alpha Cloud",
        "key": {"present": True, "variable": "ALPHA_API_KEY", "source": "environment"},
        "base_url": "https://alpha.example/v1",
        "base_url_source": "catalog",
        "port": 8100,
        "account": {},
        "models": {
            "default": {
                "name": "a-gone",
                "source": "environment",
                "model": None,
                "note": None,
                "problem": "was shut down on 2026-10-23 and has no successor. Choose another.",
            },
            "low": {"name": "a-small", "source": "catalog", "model": "a-small", "note": None, "problem": None},
            "medium": {"name": "a-middling", "source": "catalog", "model": "a-middling", "note": None, "problem": None},
        },
        "probe": None,
    }
    assert beta["key"] == {"present": False, "variable": None, "source": None}
    assert {"variable": "POLYGLOT_HOST", "value": "127.0.0.1", "source": "default"} in document["settings"]
    assert [(problem["provider"], problem["level"], problem["variable"]) for problem in document["problems"]] == [
        (None, "warning", "POLYGLOT_HOTS"),
        ("alpha", "error", None),
        ("beta", "error", None),
    ]


WRONG: list[tuple[dict[str, str], str]] = [
    ({"BETA_API_KEY": ""}, "BETA_API_KEY in the environment is blank"),
    ({"BETA_API_KEY": "your-key-here"}, "holds a placeholder"),
    ({"ALPHA_MODEL_NAME_HIGH": "a-gone"}, "alpha: model a-gone (high, environment): was shut down"),
    ({"POLYGLOT_MAX_BODY": "1"}, "Did you mean POLYGLOT_MAX_BODY_BYTES?"),
    ({"ALPHA_BASE_URL": "http://p.example"}, "alpha: ALPHA_BASE_URL (environment) is plain http"),
    ({"POLYGLOT_ALIASES": '{"a": "gamma/low"}'}, "for a provider that is not there"),
]


@pytest.mark.parametrize(("environ", "message"), WRONG)
async def test_whatever_is_wrong_makes_the_status_1(environ: dict[str, str], message: str, tmp_path: Path) -> None:
    report = await examine({**BOTH, **environ}, tmp_path)
    assert report.exit_status == 1
    verdict = report.text().partition("Wrong (1):\n")[2]
    assert message in verdict


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ALPHA_BASE_URL": "http://localhost:8100"}, "· ALPHA_BASE_URL (environment) leads to this gateway itself"),
        ({"ALPHA_API_KEY": f"{SECRET}\n"}, "· ALPHA_API_KEY (environment) has quotes or white space"),
        ({"ALPHA_MODEL_NAME": "a-old"}, "a-old -> a-new (environment); a-old was shut down"),
    ],
)
async def test_a_note_is_shown_and_is_not_wrong(environ: dict[str, str], message: str, tmp_path: Path) -> None:
    report = await examine({**BOTH, **environ}, tmp_path)
    assert message in report.text()
    assert report.exit_status == 0


def test_a_note_of_no_provider_stands_below_the_verdict() -> None:
    report = Report(problems=(Problem("All is as it should be.", level="note"),))
    assert report.text() == "Nothing is wrong.\n  · All is as it should be.\n"


async def test_online_asks_those_with_a_key_all_at_once(tmp_path: Path) -> None:
    asked: list[str] = []
    both = asyncio.Event()
    gamma = replace(BETA, name="gamma", title="Gamma", key_variables=("GAMMA_API_KEY",), port=0)

    async def probe(access: Access) -> ProbeResult:
        asked.append(access.name)
        if len(asked) == 2:
            both.set()
        await both.wait()  # would never end if they were asked one after the other
        if access.name == "alpha":
            return ProbeResult(True, "7 models", 132)
        return ProbeResult(False, "it refused the key (401).")

    report = await examine({"ALPHA_API_KEY": "k", "GAMMA_API_KEY": "k"}, tmp_path, probe, [ALPHA, BETA, gamma])
    assert asked == ["alpha", "gamma"]
    text = report.text()
    assert "\n  reachable  yes: 7 models, 132 ms\n" in text
    assert "\n  reachable  not asked, for want of a key\n" in text
    assert "\n  reachable  no: it refused the key (401).\n" in text
    assert "Gamma (gamma), any free port\n" in text
    assert "✗ gamma: https://beta.example/v1 was asked: it refused the key (401).\n" in text
    probes: list[Any] = [provider["probe"] for provider in json.loads(report.as_json())["providers"]]
    assert probes[0] == {"reachable": True, "message": "7 models", "milliseconds": 132}
    assert probes[1] is None
    assert report.exit_status == 1


async def test_settings_that_cannot_be_read_are_a_report_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        load({"POLYGLOT_HOST": "http://h", "POLYGLOT_RETIRED": "maybe"}, tmp_path / ".env")
    report = checkup.refused(refusal.value)
    assert report.exit_status == 1
    assert report.text() == (
        "Wrong (2):\n"
        "  ✗ POLYGLOT_HOST (environment) must be a host name or an address, without scheme and port.\n"
        "  ✗ POLYGLOT_RETIRED (environment) must be one of refuse, successor, pass.\n"
    )
    assert [problem["variable"] for problem in json.loads(report.as_json())["problems"]] == [
        "POLYGLOT_HOST",
        "POLYGLOT_RETIRED",
    ]


async def test_an_address_stands_in_brackets(tmp_path: Path) -> None:
    assert "http://[::1]:8100\n" in (await examine({**BOTH, "POLYGLOT_HOST": "::1"}, tmp_path)).text()


async def test_no_report_shows_a_key(tmp_path: Path) -> None:
    report = await examine(BOTH, tmp_path)
    assert SECRET not in report.text() + report.as_json() + repr(report)


async def test_where_the_administration_listens(tmp_path: Path) -> None:
    key = "0123456789abcdef" * 2
    report = await examine({**BOTH, "POLYGLOT_ADMIN_KEY": key, "POLYGLOT_HOST": "::1"}, tmp_path)
    assert "Administration of tenants and keys, http://127.0.0.1:8119\n" in report.text()
    assert json.loads(report.as_json())["administration"] == "http://127.0.0.1:8119"
    assert key not in report.text() + report.as_json()
    assert json.loads((await examine(BOTH, tmp_path)).as_json())["administration"] is None
