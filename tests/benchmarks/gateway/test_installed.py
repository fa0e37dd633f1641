import json

from benchmarks.gateway.installed import Package, closure, parsed, table

PRINTED = json.dumps(
    {
        "pip": {"source": 9_000_000, "bytecode": 0, "needs": []},
        "httpx": {"source": 1_000_000, "bytecode": 500_000, "needs": ["anyio", "certifi"]},
        "anyio": {"source": 2_000_000, "bytecode": 0, "needs": ["idna", "httpx"]},
        "pydantic": {"source": 3_000_000, "bytecode": 0, "needs": []},
    }
)


def test_pip_is_none_of_ours() -> None:
    assert set(parsed(PRINTED)) == {"httpx", "anyio", "pydantic"}


def test_what_is_needed_counts_once_and_only_where_installed() -> None:
    assert set(closure(parsed(PRINTED), ["httpx", "uvloop"])) == {"httpx", "anyio"}


def test_sizes_stand_beside_those_of_plain_httpx() -> None:
    lines = table(parsed(PRINTED), Package(3_000_000, 0))
    assert "| plain httpx | 2 | 1.0 | 3.0 | 1.0 | 3.5 |" in lines
    assert "| gateway | 4 | 2.0 | 9.0 | 3.0 | 9.5 |" in lines
