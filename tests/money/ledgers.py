"""What the tests of the ledger share: entries as a gateway adds them, and a way to be nobody in particular."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from polyglot_cloud.money.entries import Entry

NOBODY = 65534
DAY = {"id": "day", "scope": "process", "start": 1_795_305_600}
KEY = {"id": "key", "scope": "key:key_1", "start": 1_795_305_600}


def held(attempt: str, nano: int = 500, **facts: Any) -> Entry:
    named = {"call": f"call_{attempt}", "tenant": "acme", "provider": "openai", "model": "gpt", "budgets": [DAY, KEY]}
    return Entry("held", attempt, nano, {**named, **facts})


def settled(attempt: str, nano: int = 120, **facts: Any) -> Entry:
    named = {"model": "gpt-2026", "outcome": "complete", "usage": {"input": 7, "output": 5}, "cost_source": "rates"}
    return Entry("settled", attempt, nano, {**named, **facts})


@contextmanager
def unprivileged() -> Iterator[None]:
    """Rights count for nothing to root, who runs the tests in some places."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
