"""What people copy and read names every setting, and does no harm as it is."""

import re
from pathlib import Path

import pytest

from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import Settings, load
from polyglot_cloud.settings.names import ENVIRONMENT_ONLY
from polyglot_cloud.settings.process import VARIABLES

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / ".env.template"
DOCS = ROOT / "docs" / "settings.md"
PLAN = [
    "OPENAI_API_KEY",
    "OPENAI_MODEL_NAME",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_MODEL_NAME_HIGH",
    "ANTHROPIC_MODEL_NAME_MEDIUM",
    "ANTHROPIC_MODEL_NAME_LOW",
    "GEMINI_API_KEY",
    "GEMINI_PROJECT_ID",
    "GEMINI_MODEL_NAME_LOW",
    "GEMINI_MODEL_NAME_MEDIUM",
    "GEMINI_MODEL_NAME_HIGH",
    "GROK_API_KEY",
    "GROK_MODEL_NAME",
]
PORTS = [f"POLYGLOT_PORT_{name}" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GROK")]
FOREIGN = ["XAI_API_KEY", "GOOGLE_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "XAI_BASE_URL", "GEMINI_BASE_URL"]


def named(path: Path) -> set[str]:
    return set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", [*VARIABLES.values(), *PORTS, *PLAN, *FOREIGN])
def test_every_setting_stands_in_the_template(name: str) -> None:
    assert name in named(TEMPLATE)


@pytest.mark.parametrize("name", [*VARIABLES.values(), *ENVIRONMENT_ONLY, *PORTS, *FOREIGN])
def test_every_setting_stands_in_the_docs(name: str) -> None:
    assert name in named(DOCS)


def test_the_docs_name_no_setting_that_is_none() -> None:
    general = {"POLYGLOT_", "POLYGLOT_PORT_", "POLYGLOT_BUDGET_"}
    assert {name for name in named(DOCS) | named(TEMPLATE) if name.startswith("POLYGLOT_")} <= {
        *VARIABLES.values(),
        *ENVIRONMENT_ONLY,
        *PORTS,
        *general,
        *(
            f"POLYGLOT_BUDGET_{name}_USD_PER_{period}"
            for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GROK")
            for period in ("DAY", "WEEK", "MONTH")
        ),
        *(f"POLYGLOT_{name}_BASE_URL" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GROK")),
    }


@pytest.mark.parametrize("name", [name for name in VARIABLES if name != "env_file"])
def test_the_docs_state_the_default(name: str, tmp_path: Path) -> None:
    match = re.search(rf"^\| `{VARIABLES[name]}` \| `?([^`|]*?)`? \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    stated = {} if match[1] == "none" else {VARIABLES[name]: match[1]}
    assert getattr(load(stated, tmp_path / ".env"), name) == getattr(Settings(), name)


def test_the_template_copied_as_it_is_sets_nothing(tmp_path: Path, rows: list[ProviderRow]) -> None:
    path = tmp_path / ".env"
    path.write_bytes(TEMPLATE.read_bytes())
    path.chmod(0o600)
    settings = load({}, path)
    accesses = settings.credentials(rows)
    assert [access.key for access in accesses.values()] == [None] * 4
    assert all("holds a placeholder" in access.missing_key_message for access in accesses.values())
    assert settings.problems(rows) == []
    assert settings.model_dump() == {**Settings().model_dump(), "env_file": path}


def test_every_line_of_the_template_works_when_it_is_uncommented(tmp_path: Path, rows: list[ProviderRow]) -> None:
    path = tmp_path / ".env"
    text = re.sub(r"^# (?=[A-Z][A-Z0-9_]*=)", "", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    settings = load({}, path)
    assert settings.aliases == {"fast": "gemini/low", "best": "anthropic/high"}
    assert settings.max_body_bytes == Settings().max_body_bytes
    settings.credentials(rows)
    assert settings.problems(rows) == []
