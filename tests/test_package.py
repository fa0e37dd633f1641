import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import polyglot_cloud


def test_the_public_names_are_there() -> None:
    for name in polyglot_cloud.__all__:
        assert getattr(polyglot_cloud, name)
    with pytest.raises(AttributeError, match="no attribute 'secret'"):
        _ = polyglot_cloud.secret


def test_the_version_costs_no_import_of_the_house() -> None:
    program = "import sys, polyglot_cloud; print(polyglot_cloud.__version__, 'httpx' in sys.modules)"
    environ = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.split() == [polyglot_cloud.__version__, "False"]


def test_only_what_is_everybodys_is_packed() -> None:
    """A config/polyglot.toml beside the source holds somebody's tenants and keys."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    build = project["tool"]["hatch"]["build"]["targets"]
    packed = [*build["wheel"]["force-include"], *build["sdist"]["include"]]
    assert sorted({path for path in packed if path.startswith("config")}) == [
        "config/catalog.toml",
        "config/polyglot.example.toml",
    ]
