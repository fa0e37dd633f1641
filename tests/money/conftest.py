"""The real catalog."""

import pytest

from polyglot_cloud.catalog import Catalog, load


@pytest.fixture(scope="session")
def real() -> Catalog:
    return load()
