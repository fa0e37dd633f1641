from collections.abc import Iterator
from pathlib import Path

import pytest

from tenancy.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    made.store.create_tenant("acme", by="cli ada@box")
    yield made
    made.close()
