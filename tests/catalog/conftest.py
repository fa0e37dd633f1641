"""A small valid catalog that the tests of faults break in one place, and the real one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from polyglot_cloud.catalog import BrokenCatalog, Catalog, CatalogFault, load

SMALL = """\
[adapter.openai]
dialects = ["openai_chat"]

[adapter.anthropic]
dialects = ["anthropic"]

[[provider]]
name = "acme"
title = "Acme"
adapter = "openai"
base_url = "https://api.acme.test/v1"
base_url_variables = ["ACME_BASE_URL"]
key_variables = ["ACME_API_KEY"]
key_example = "ak-..."
key_page = "https://acme.test/keys"
dialects = ["openai_chat", "openai_responses"]
tiers = { low = "a-1", medium = "a-2" }
default = "medium"
port = 8100
refused = ["metadata"]

[abilities.plain]
offers = [
  { dialect = "openai_chat", needs = ["tools", "stop"] },
]
quirks.efforts = ["low", "high"]
quirks.budget_min = 10

[[model]]
id = "a-1"
provider = "acme"
kind = "chat"
status = "active"
aliases = ["a-one"]
released = 2026-01-01
abilities = "plain"
context_window = 1000
max_input = 900
max_output = 100
source = "a page"
checked = 2026-11-22

[[model.price]]
effective_from = 2026-01-01
source = "a page"
standard = { input = 1, output = 2.5, cache_read = "0.1" }
batch = { input = 0.5 }

[[model.price.long_context]]
above = 500
inclusive = true
standard = { input = 2, output = 5, cache_read = 0.2 }
batch = { input = 1 }

[[model.price]]
effective_from = 2026-12-01
source = "a page"
standard = { input = 2, output = 5 }

[[model]]
id = "a-2"
provider = "acme"
kind = "chat"
status = "deprecated"
retires = 2026-12-01
successor = "a-1"
successor_is_ours = true
offers = [
  { dialect = "openai_responses", needs = ["tools"] },
]
quirks.budget_max = 20
source = "a page"
checked = 2026-11-22

[[model]]
id = "a-0"
provider = "acme"
kind = "chat"
status = "retired"
successor = "a-2"
offers = []
source = "a page"
checked = 2026-11-22

[[model]]
id = "a-embed"
provider = "acme"
kind = "embedding"
status = "active"
source = "a page"
checked = 2026-11-22
"""

Write = Callable[..., Path]
Faults = Callable[..., list[CatalogFault]]


@pytest.fixture
def small() -> str:
    return SMALL


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a catalog file, the small one unless told."""

    def written(content: str = SMALL, name: str = "catalog.toml") -> Path:
        path = tmp_path / name
        path.write_text(content, "utf-8")
        return path

    return written


@pytest.fixture
def faults(write: Write) -> Faults:
    """The faults of a content, and of a user's file over it."""

    def found(content: str = SMALL, overlay: str | None = None) -> list[CatalogFault]:
        over = None if overlay is None else write(overlay, "own.toml")
        with pytest.raises(BrokenCatalog) as broken:
            load(write(content), over)
        return list(broken.value.faults)

    return found


@pytest.fixture(scope="session")
def real() -> Catalog:
    return load()
