from collections.abc import Iterator

import pytest

from sandbox.live import clouds


@pytest.fixture(scope="session")
def urls() -> Iterator[dict[str, str]]:
    """The base URL of each stand-in, over a real socket."""
    with clouds() as found:
        yield found
