"""Reads the settings: pydantic-settings over sources that are handed in, so that no test and no caller meets a hidden one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from polyglot_cloud.settings import names, values
from polyglot_cloud.settings.problems import Problem, SettingsError
from polyglot_cloud.settings.process import OF_PROVIDERS, VARIABLES, Settings
from polyglot_cloud.settings.sources import DEFAULT, FLAG, Origin, Sources, read_dotenv

_PORT = names.port("")


class _Layer(PydanticBaseSettingsSource):
    """One source's values by field, for pydantic-settings to lay over the next."""

    def __init__(self, settings_cls: type[BaseSettings], fields: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._fields = dict(fields)

    def get_field_value(self, _: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._fields[field_name], field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        return {name: self.get_field_value(fields[name], name)[0] for name in self._fields}


@dataclass(slots=True)
class _Reading:
    """What the sources say of our fields, the winner first, and whose word each variable has."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)

    def add(self, origin: Origin, variables: Mapping[str, Any]) -> None:
        """A further source; what an earlier one has said stands."""
        layer: dict[str, Any] = {}
        for name, variable in VARIABLES.items():
            if variable in variables:
                layer[name] = variables[variable]
        origins = [VARIABLES[name] for name in layer]
        ports = {name: value for name, value in variables.items() if name.startswith(_PORT) and name == name.upper()}
        budgets = {name: value for name, value in variables.items() if names.OF_A_BUDGET.fullmatch(name)}
        for field_name, found in (("ports", ports), ("provider_budgets", budgets)):
            if found:
                prefix = OF_PROVIDERS[field_name]
                layer[field_name] = {name.removeprefix(prefix).lower(): value for name, value in found.items()}
                origins += found
        self.layers.append(layer)
        for variable in origins:
            self.origins.setdefault(variable, origin)


def load(
    environ: Mapping[str, str], dotenv_path: Path = Path(".env"), *, flags: Mapping[str, Any] | None = None
) -> Settings:
    """The settings: flags over the environment over the `.env` file over the defaults.

    `dotenv_path` is used where neither a flag nor POLYGLOT_ENV_FILE names another file. `flags` are by field name ("host",
    "port_openai"); None is a flag that was not given. Raises SettingsError with every fault there is.
    """
    given = _variables_of(flags or {})
    path, named = _env_file(given, environ, dotenv_path)
    dotenv = read_dotenv(path, required=named)
    sources = Sources(environ, dotenv.values, Origin("dotenv", str(path)))

    reading = _Reading()
    reading.add(FLAG, given)
    for origin, variables in sources.starting(names.PREFIX):
        if origin.kind == "dotenv":
            dotenv.warnings += _out_of_place(variables, origin)
        reading.add(origin, variables)
    reading.layers.append({"env_file": path})

    settings, faults = _validate(reading)
    if settings is None or dotenv.faults:
        raise SettingsError([*dotenv.faults, *faults])
    settings.remember(sources, reading.origins, dotenv.warnings)
    return settings


def _out_of_place(variables: dict[str, str], origin: Origin) -> list[Problem]:
    """Takes out what the file cannot set, and says so."""
    strays = [name for name in names.ENVIRONMENT_ONLY if variables.pop(name, None) is not None]
    message = "has no effect inside the file. Set it in the environment."
    return [Problem(message, name, str(origin), "warning") for name in strays]


def _variables_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Flags by the variable that they stand in for."""
    given = {names.PREFIX + name.upper(): value for name, value in flags.items() if value is not None}
    strange = [name for name in given if name not in VARIABLES.values() and not name.startswith(_PORT)]
    if strange:
        raise TypeError(f"no such setting: {', '.join(strange)}")
    return given


def _env_file(given: Mapping[str, Any], environ: Mapping[str, str], default: Path) -> tuple[Path, bool]:
    """The `.env` file, and whether somebody asked for this one."""
    variable = VARIABLES["env_file"]
    named = given.get(variable) or environ.get(variable, "").strip()
    try:
        return (values.path(named), True) if named else (default, False)
    except ValueError as error:
        raise SettingsError([Problem(f"{error}.", variable)]) from None


def _validate(reading: _Reading) -> tuple[Settings | None, list[Problem]]:
    """pydantic-settings lays the sources over each other; what it refuses becomes problems, without the values."""

    class Bound(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(_Layer(settings_cls, layer) for layer in reading.layers)

    try:
        return Bound(), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    return None, [_problem(detail["loc"], detail["msg"], reading) for detail in details]


def _problem(location: tuple[int | str, ...], message: str, reading: _Reading) -> Problem:
    name = str(location[0])
    variable = OF_PROVIDERS[name] + str(location[1]).upper() if name in OF_PROVIDERS else VARIABLES[name]
    return Problem(f"{message.removeprefix('Value error, ')}.", variable, str(reading.origins.get(variable, DEFAULT)))
