"""Environments of the lock file: for Pythons that have no run-time packages of ours, and to see what an installation holds."""

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.processes import ROOT, plain_environment

LOCK = ROOT / "requirements" / "runtime.txt"


def version(python: Path) -> str:
    """As in "3.13.0"."""
    asked = [str(python), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def interpreter(python: str, stack: ExitStack) -> Path:
    """The one that is named, by path or as a command, where it can run the gateway; else one of an environment of the lock file, which
    it makes for this run.
    """
    named = shutil.which(python)
    if named is None:
        raise SystemExit(f"there is no interpreter {python}")
    found = Path(named).absolute()
    tried = [str(found), "-m", "polyglot_cloud", "--version"]
    if subprocess.run(tried, env=plain_environment(), cwd="/", capture_output=True, check=False).returncode == 0:
        return found
    return locked(found, Path(stack.enter_context(tempfile.TemporaryDirectory())))


def locked(python: Path, folder: Path) -> Path:
    """Installs what requirements/runtime.txt has, by pip as a user would. The new environment's interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([str(python), "-m", "venv", str(folder)], env=environment, check=True)
    made = folder / "bin" / "python"
    command = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*command, "-r", str(LOCK)], env=environment, check=True, stderr=subprocess.DEVNULL)
    return made
