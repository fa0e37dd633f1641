"""What an installation holds: the lock file's packages as pip installs them, and our own files."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway import tables, venvs
from benchmarks.processes import ROOT

PLAIN = ("starlette", "uvicorn", "httpx", "uvloop", "httptools")
"""What benchmarks/plain_httpx.py needs."""
LIST = """
import json, re, sys
from importlib.metadata import distributions
def name(text): return re.sub(r"[-_.]+", "-", re.match(r"[\\w.-]+", text)[0]).lower()
found = {}
for each in distributions():
    sizes = [(str(file), file.locate().stat().st_size) for file in each.files or () if file.locate().exists()]
    found[name(each.metadata["Name"])] = {
        "source": sum(size for path, size in sizes if not path.endswith(".pyc")),
        "bytecode": sum(size for path, size in sizes if path.endswith(".pyc")),
        "needs": [name(line) for line in each.requires or () if "extra ==" not in line],
    }
json.dump(found, sys.stdout)
"""
"""Run by the environment's own interpreter: only that one reads its own packages."""


@dataclass(frozen=True, slots=True)
class Package:
    """Sizes in bytes: of its files as they were shipped, and of the bytecode that pip made of them."""

    source: int
    bytecode: int
    needs: tuple[str, ...] = ()


def parsed(printed: str) -> dict[str, Package]:
    """Without pip itself, which the gateway does not need."""
    found = {
        name: Package(each["source"], each["bytecode"], tuple(each["needs"]))
        for name, each in json.loads(printed).items()
    }
    return {name: package for name, package in found.items() if name not in {"pip", "setuptools"}}


def closure(packages: Mapping[str, Package], names: Iterable[str]) -> dict[str, Package]:
    """These and all that they need, as far as it is installed."""
    found: dict[str, Package] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in packages and name not in found:
            found[name] = packages[name]
            waiting += packages[name].needs
    return found


def ours() -> Package:
    """Our own files as a wheel has them: the package and the catalog."""
    files = [
        file for folder in ("src/polyglot_cloud", "config") for file in (ROOT / folder).rglob("*") if file.is_file()
    ]
    return Package(sum(file.stat().st_size for file in files if "__pycache__" not in file.parts), 0)


def report() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        python = venvs.locked(Path(sys.executable), Path(folder))
        done = subprocess.run([str(python), "-c", LIST], check=True, capture_output=True, text=True)
    packages = parsed(done.stdout)
    return table(packages, ours())


def table(packages: Mapping[str, Package], own: Package) -> list[str]:
    plain = closure(packages, PLAIN)
    sets = {"plain httpx": plain, "gateway": {**packages, "polyglot-cloud": own}}
    base = weight(plain.values())
    rows = []
    for name, found in sets.items():
        size, bytecode = weight(found.values()), sum(each.bytecode for each in found.values())
        cells = [f"{len(found)}", f"{len(found) / len(plain):.1f}", f"{size / 1e6:.1f}", f"{size / base:.1f}"]
        rows.append([name, *cells, f"{(size + bytecode) / 1e6:.1f}"])
    heads = ("installed", "packages", "to plain httpx", "MB", "to plain httpx", "MB with bytecode")
    largest = sorted(packages.items(), key=lambda each: -each[1].source)[:6]
    told = ", ".join(f"{name} {package.source / 1e6:.1f}" for name, package in largest)
    return [*tables.markdown("Installed, by the lock file", heads, rows, words=1), "", f"The largest, in MB: {told}."]


def weight(packages: Iterable[Package]) -> int:
    return sum(package.source for package in packages)
