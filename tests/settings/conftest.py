from collections.abc import Callable
from pathlib import Path

import pytest

from polyglot_cloud.rows import ProviderRow, Tier

TIERS: dict[Tier, str] = {"low": "small", "medium": "middling", "high": "large"}


def provider(
    name: str,
    port: int | None,
    *,
    version: str = "v1",
    keys: tuple[str, ...] = (),
    urls: tuple[str, ...] = (),
    example: str = "sk-...",
) -> ProviderRow:
    stem = name.upper().replace("-", "_")
    return ProviderRow(
        name=name,
        title=name.title(),
        adapter="openai",
        base_url=f"https://api.{name}.example/{version}",
        base_url_variables=urls or (f"{stem}_BASE_URL",),
        key_variables=keys or (f"{stem}_API_KEY",),
        key_example=example,
        key_page=f"https://{name}.example/keys",
        dialects=("openai_chat",),
        tiers=TIERS,
        default="medium",
        port=port,
    )


@pytest.fixture(name="provider")
def make_provider() -> Callable[..., ProviderRow]:
    return provider


@pytest.fixture
def rows() -> list[ProviderRow]:
    """The four as the catalog has them, at hosts that nobody has."""
    return [
        provider("openai", 8100),
        provider("anthropic", 8101, example="sk-ant-..."),
        provider("gemini", 8102, version="v1beta", keys=("GOOGLE_API_KEY", "GEMINI_API_KEY"), example="AIza..."),
        provider("grok", 8103, keys=("XAI_API_KEY", "GROK_API_KEY"), urls=("XAI_BASE_URL",), example="xai-..."),
    ]


@pytest.fixture
def dotenv(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / ".env"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write
