"""Where a value comes from: a flag, the environment, the `.env` file. The environment wins over the file.

Nothing in `.env` is expanded: a file that could write `${OPENAI_API_KEY}` could carry another variable's secret to its own base URL.
"""

import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, SupportsIndex

from dotenv.parser import Binding, parse_stream

from polyglot_cloud.settings.problems import Problem


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands. `path` is the file of kind "dotenv"."""

    kind: Literal["flag", "environment", "dotenv", "catalog", "default", "sandbox"]
    path: str = ""

    def __str__(self) -> str:
        return f".env ({self.path})" if self.kind == "dotenv" else self.kind


FLAG = Origin("flag")
ENVIRONMENT = Origin("environment")
CATALOG = Origin("catalog")
DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Found:
    """A variable that is set. `value` is as it stands, a secret perhaps."""

    variable: str
    value: str = field(repr=False)
    origin: Origin


class Sources:
    """The environment and the `.env` file, as they were when the settings were read. Holds secrets, so shows and stores nothing."""

    __slots__ = ("_dotenv", "_environ", "file_origin")

    def __init__(self, environ: Mapping[str, str], dotenv: Mapping[str, str], file_origin: Origin) -> None:
        self._environ = dict(environ)
        self._dotenv = dict(dotenv)
        self.file_origin = file_origin

    @property
    def file_name(self) -> str:
        """What to call the file in a message that a client may read: its name without its directory."""
        return Path(self.file_origin.path).name

    def all(self, variables: Iterable[str]) -> Iterator[Found]:
        """Those of `variables` that are set, blank ones too: first what the environment has, then the file, each in the order given."""
        names = tuple(variables)
        for values, origin in self._layers():
            yield from (Found(name, values[name], origin) for name in names if name in values)

    def first(self, variables: Iterable[str]) -> Found | None:
        """The winner among the variables that are not blank."""
        return next((found for found in self.all(variables) if found.value.strip()), None)

    def names(self) -> Iterator[tuple[str, Origin]]:
        for values, origin in self._layers():
            yield from ((name, origin) for name in values)

    def starting(self, prefix: str) -> Iterator[tuple[Origin, dict[str, str]]]:
        """Per source, the winner first: the variables that begin with `prefix` and are not blank."""
        for values, origin in self._layers():
            yield (
                origin,
                {name: value for name, value in values.items() if name.startswith(prefix) and value.strip()},
            )

    def _layers(self) -> tuple[tuple[dict[str, str], Origin], ...]:
        return (self._environ, ENVIRONMENT), (self._dotenv, self.file_origin)

    def __repr__(self) -> str:
        return "Sources(**********)"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sources":
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("the sources of the settings hold secrets and are not written down")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("the sources of the settings hold secrets and are not written down")


@dataclass(slots=True)
class DotEnv:
    """A `.env` file as read: its values, the faults that forbid using it, and what else is worth saying."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    faults: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def read_dotenv(path: Path, *, required: bool) -> DotEnv:
    """Reads the file as python-dotenv understands it, without expansion. A missing file is a fault only where it was asked for."""
    result = DotEnv()
    try:
        text, mode = _read(path)
    except FileNotFoundError:
        if required:
            result.faults.append(Problem(f"{path} does not exist, though it is named as the file of settings."))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        result.faults.append(Problem(f"{path}, line {line}: is not UTF-8. Save the file in that encoding."))
    except OSError as error:
        result.faults.append(Problem(f"{path} cannot be read: {error.strerror}."))
    else:
        _parse(text, path, result)
        _look_at_mode(mode, path, result)
    return result


def _read(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return file.read().decode("utf-8"), os.fstat(file.fileno()).st_mode


def _parse(text: str, path: Path, result: DotEnv) -> None:
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text)):
        line = _line(binding)
        if binding.error:
            result.faults.append(
                Problem(f"{path}, line {line}: cannot be understood. Write NAME=value; close every quote.")
            )
        elif binding.key is not None and binding.value is None:
            result.faults.append(Problem(f"{path}, line {line}: has a name without a value. Write NAME=value."))
        elif binding.key is not None and binding.value is not None:
            if binding.key in lines:
                message = f"stands twice, in lines {lines[binding.key]} and {line}; the last one counts."
                result.warnings.append(Problem(message, binding.key, f".env ({path})", "warning"))
            lines[binding.key] = line
            result.values[binding.key] = binding.value


def _line(binding: Binding) -> int:
    """The line of the statement itself: the parser counts from the blank lines before it."""
    statement = binding.original.string
    return binding.original.line + statement[: len(statement) - len(statement.lstrip())].count("\n")


def _look_at_mode(mode: int, path: Path, result: DotEnv) -> None:
    if stat.S_ISREG(mode) and mode & 0o077 and result.values:
        message = f"{path} can be read by other users of this machine. Close it: chmod 600 {path}"
        result.warnings.append(Problem(message, level="warning"))
