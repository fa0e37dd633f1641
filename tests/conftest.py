"""Settings of the whole suite. `HYPOTHESIS_PROFILE=thorough scripts/test` looks ten times as long for counterexamples."""

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Tests and the SDKs' types are a million objects that stay: the collector walked them again and again, for half of this time
    and a tenth of the tests'. What is made from here on is collected as ever.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
