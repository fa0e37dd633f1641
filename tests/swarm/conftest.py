from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm.services_stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path / "till.sqlite3")
    yield made
    made.store.close()
