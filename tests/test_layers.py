"""Imports point downward only, neighbours do not know each other, and each third-party library is named in one place."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "polyglot_cloud"

LAYERS = {
    "cli": 6, "commands": 6, "__main__": 6, "server": 6, "protocol": 6, "logs": 6, "cycle": 6, "treasury": 6, "hive": 6,
    "app": 5, "routes": 5, "door": 5, "checkup": 5, "listeners": 5, "bodies": 5, "administration": 5, "sockets": 6,
    "swarm": 4,
    "pipeline": 3, "stream": 3, "probe": 3, "booking": 3, "counting": 3, "quoting": 3, "courier": 3,
    "translate": 2, "call": 1.5, "providers": 2, "transport": 2, "media": 2, "catalog": 2, "settings": 2, "money": 2, "tenancy": 2,
    "dialects": 1, "emulation": 1,
    "neutral": 0, "rows": 0, "sse": 0, "wire": 0, "errors": 0, "headers": 0, "draining": 0, "asgi": 0, "hosts": 0,
    "addresses": 0, "amounts": 0, "large": 0, "grants": 0,
    "retry_after": 0, "efforts": 0, "token_estimate": 0, "pseudonym": 0, "media_types": 0, "log_record": 0,
}  # fmt: skip
"""Rooms by layer; `call` holds records over dialects and is read by layer 2 and above."""

WITHIN = {0, 3, 5, 6}
"""Layers whose rooms may know each other. In the others neighbours do not import each other."""

LIBRARIES = {
    "uvicorn": {"server", "protocol", "cycle", "sandbox"},
    "uvloop": {"server"},
    "httptools": {"protocol", "transport"},
    "starlette": {"app", "routes", "administration"},
    "httpx": {"transport", "media", "pipeline", "counting", "app", "swarm"},
    "pydantic": {"settings"},
    "pydantic_settings": {"settings"},
    "dotenv": {"settings"},
    "msgspec": {"wire", "sandbox"},
    "sqlalchemy": {"money", "tenancy", "swarm"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield parts[0] if parts != ("__init__",) else "", path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "polyglot_cloud" else (module,)


@pytest.mark.parametrize("room", sorted({room for room, _ in modules()}))
def test_imports_point_downward(room: str) -> None:
    for path in [path for where, path in modules() if where == room]:
        check(room, path)


def check(room: str, path: Path) -> None:
    for name in imported(path):
        head, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if head == "polyglot_cloud":
            check_own(room, target, path)
        elif head not in sys.stdlib_module_names:
            assert room in LIBRARIES.get(head, set()), f"{path}: {head} has its place elsewhere: {LIBRARIES.get(head)}"


def check_own(room: str, target: str, path: Path) -> None:
    if target in {room, "__version__", ""}:
        return
    if room == "sandbox" or target == "sandbox":
        assert room == "cli", f"{path}: the sandbox knows nothing of ours, and only the command line knows it"
        return
    if room == "":
        return  # the public door
    assert target in LAYERS, f"{path}: {target} has no layer; draw it in docs/architecture.md and name it here"
    above, below = LAYERS[room], LAYERS[target]
    assert below < above or (below == above and above in WITHIN), f"{path}: {room} may not import {target}"


def test_dialects_do_not_know_each_other() -> None:
    names = {path.name for path in (SOURCE / "dialects").iterdir() if path.is_dir()}
    for name in names:
        for path in (SOURCE / "dialects" / name).glob("*.py"):
            others = {found for found in imported(path) for other in names - {name} if f"dialects.{other}" in found}
            assert not others, f"{path}: {others}"


def test_no_host_is_named_outside_providers_and_config() -> None:
    hosts = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "api.x.ai")
    for room, path in modules():
        if room not in {"providers", "sandbox"}:  # the stand-ins name their vendor in error details, as it does
            text = path.read_text()
            assert not [host for host in hosts if host in text], path


def test_no_code_outside_providers_decides_by_a_providers_name() -> None:
    for room, path in modules():
        if room in {"providers", "sandbox", "dialects"}:  # a dialect may know its own name
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and not about_dialects(node):
                named = [part.value for part in [node.left, *node.comparators] if isinstance(part, ast.Constant)]
                assert not {"openai", "gemini", "grok"} & {str(value) for value in named}, f"{path}:{node.lineno}"


def about_dialects(node: ast.Compare) -> bool:
    """`"gemini" in row.dialects` asks for a dialect, which may share a provider's name."""
    return any(isinstance(part, ast.Attribute) and part.attr == "dialects" for part in node.comparators)
