"""The settings of the process: every POLYGLOT_* variable with its default."""

import socket
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from polyglot_cloud import wire
from polyglot_cloud.grants import ALERTS, BudgetRow
from polyglot_cloud.rows import ProviderRow
from polyglot_cloud.settings import configuration, credentials, names, secret, urls, values
from polyglot_cloud.settings.problems import Problem, SettingsError
from polyglot_cloud.settings.sources import DEFAULT, Origin, Sources

LogLevel = Literal["debug", "info", "warning", "error"]
WhenRetired = Literal["refuse", "successor", "pass"]
WhichTransport = Literal["auto", "native", "httpx"]
OnOff = Literal["on", "off"]
Ledger = Literal["auto", "on", "off"]
Synchronous = Literal["normal", "full"]
WhenHeld = Literal["while_waiting", "before_send"]
WhenUnbooked = Literal["refuse", "allow"]
Swarm = Literal["off", "external", "auto", "embedded"]
SwarmLeave = Literal["park", "delete", "leave"]


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting as it stands. `value` is fit for eyes: secrets among them are veiled."""

    variable: str
    value: str
    origin: Origin


class Settings(BaseSettings):
    """What holds for the whole process. Made by `load`; frozen. A field `x` is the variable POLYGLOT_X, in docs/settings.md.

    Sizes are in bytes, times in seconds. `ports` maps a provider's name as variables have it, in lower case, to the port of
    POLYGLOT_PORT_<NAME>; a provider that is not in it has its row's. `provider_budgets` maps variables in the same way, without
    POLYGLOT_BUDGET_ and in lower case ("openai_usd_per_day"), to nano-dollars.
    """

    model_config = SettingsConfigDict(env_prefix=names.PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    host: values.Host = "127.0.0.1"
    ports: dict[str, values.Port] = Field(default_factory=dict)
    allowed_hosts: values.Hosts = ()
    allowed_origins: values.Origins = ()
    config: values.FilePath | None = None
    admin_key: values.OwnSecret | None = None
    admin_port: values.Port = 8119
    budget_usd_per_day: values.Usd | None = None
    budget_usd_per_week: values.Usd | None = None
    budget_usd_per_month: values.Usd | None = None
    budget_usd_per_run: values.Usd | None = None
    provider_budgets: dict[str, values.Usd] = Field(default_factory=dict)
    budget_zone: values.Zone = "UTC"
    budget_clamp: Annotated[OnOff, values.choice("on", "off")] = "on"
    budget_server_tools: Annotated[Literal["refuse", "allow"], values.choice("refuse", "allow")] = "refuse"
    budget_alerts: values.Percents = ALERTS
    alert_webhook: values.Webhook | None = None
    alert_webhook_secret: values.SigningSecret | None = None
    data_dir: values.FilePath = Path("artifacts")
    receipts_dir: values.FilePath = Path("artifacts/costs")
    ledger: Annotated[Ledger, values.choice("auto", "on", "off")] = "auto"
    ledger_key: values.OwnSecret | None = None
    ledger_synchronous: Annotated[Synchronous, values.choice("normal", "full")] = "normal"
    hold: Annotated[WhenHeld, values.choice("while_waiting", "before_send")] = "while_waiting"
    unbooked: Annotated[WhenUnbooked, values.choice("refuse", "allow")] = "refuse"
    log_level: Annotated[LogLevel, values.choice("debug", "info", "warning", "error")] = "info"
    catalog: values.FilePath | None = None
    aliases: values.Aliases = Field(default_factory=dict)
    retired: Annotated[WhenRetired, values.choice("refuse", "successor", "pass")] = "refuse"
    max_body_bytes: values.Size = 32 * 1024 * 1024
    commit_after: values.Seconds = 10.0
    connect_timeout: values.SomeSeconds = 5.0
    read_timeout: values.SomeSeconds = 600.0
    body_timeout: values.SomeSeconds = 60.0
    transport: Annotated[WhichTransport, values.choice("auto", "native", "httpx")] = "auto"
    http2: Annotated[OnOff, values.choice("on", "off")] = "off"
    client_cert: values.FilePath | None = None
    client_key: values.FilePath | None = None
    drain_timeout: values.Seconds = 30.0
    media_fetch: Annotated[Literal["on", "off"], values.choice("on", "off")] = "on"
    media_hosts_allowed: values.Networks = ()
    swarm: Annotated[Swarm, values.choice("off", "external", "auto", "embedded")] = "external"
    swarm_router_url: values.Service = "http://127.0.0.1:6103"
    swarm_gateway_url: values.Service = "http://127.0.0.1:6120"
    swarm_registry_url: values.Service = "http://127.0.0.1:6121"
    swarm_events_url: values.Service = "http://127.0.0.1:6102"
    swarm_router_port: values.Port = 6103
    swarm_gateway_port: values.Port = 6120
    swarm_registry_port: values.Port = 6121
    swarm_leave: Annotated[SwarmLeave, values.choice("park", "delete", "leave")] = "park"
    swarm_interval: values.Interval = 45.0
    swarm_models: values.Models = ()
    swarm_endpoints: values.Services = ()
    swarm_tenant: values.Tenant | None = None
    env_file: values.FilePath = Path(".env")

    _sources: Sources = PrivateAttr(default_factory=lambda: Sources({}, {}, Origin("dotenv", ".env")))
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _findings: tuple[Problem, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  pydantic-settings hands it over
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed over: neither the environment of this process nor a file is read behind its back."""
        return (init_settings,)

    def remember(self, sources: Sources, origins: dict[str, Origin], findings: Iterable[Problem]) -> None:
        """Where the values came from; said once, by `load`."""
        self._sources, self._origins, self._findings = sources, origins, tuple(findings)

    def origin(self, variable: str) -> Origin:
        """Where the value of a POLYGLOT_* variable comes from."""
        return self._origins.get(variable, DEFAULT)

    def credentials(
        self,
        rows: Sequence[ProviderRow],
        *,
        foreign: Collection[str] | None = None,
        machine: str | None = None,
    ) -> dict[str, credentials.Access]:
        """How each provider is reached, by name. Raises SettingsError for base URLs and ports that cannot be used.

        `foreign` are the providers that the user's catalog added, or whose base_url or key_variables it changed. Where that catalog
        was named in `.env`, they get keys from the same file only; None: all of them are held to that. `machine` is this machine's
        name, by default what the system says.
        """
        if shared := self._shared_admin_port(rows):
            raise SettingsError([shared])
        from_file = self.origin(VARIABLES["catalog"]).kind == "dotenv"
        suspects = (row.name for row in rows) if foreign is None else foreign
        circumstances = credentials.Circumstances(
            sources=self._sources,
            listeners=self._listeners(rows, machine or socket.gethostname()),
            ports={row.name: self._port(row) for row in rows},
            foreign=frozenset(suspects) if from_file else frozenset(),
            known=self._known(rows),
        )
        return credentials.collect(rows, circumstances)

    def budgets(self, rows: Sequence[ProviderRow]) -> list[BudgetRow]:
        """The caps that variables set, of the process and of single providers."""
        found = []
        for period in names.BUDGET_PERIODS:
            limits = {"process": getattr(self, f"budget_usd_per_{period}")}
            for row in rows:
                limits[f"provider:{row.name}"] = self.provider_budgets.get(_tail(names.budget(row.name, period)))
            found += [
                BudgetRow(scope, period, limit, self.budget_zone, self.budget_alerts)
                for scope, limit in limits.items()
                if limit
            ]
        return found

    def configuration(self, rows: Sequence[ProviderRow]) -> configuration.Configuration:
        """What the configuration file declares, the caps of `budgets` before its own. Raises SettingsError with every fault in it.

        The file is POLYGLOT_CONFIG's, else config/polyglot.toml where there is one. A cap for a provider that is not there is a fault
        too: whoever set it believes that spending is bounded.
        """
        if stray := self._stray_budgets(rows):
            raise SettingsError(stray)
        declared = configuration.load(
            self.config, sources=self._sources, rows=rows, zone=self.budget_zone, given=self.budgets(rows)
        )
        self._findings += tuple(problem for problem in declared.problems if problem not in self._findings)
        return declared

    def problems(self, rows: Sequence[ProviderRow]) -> list[Problem]:
        """What is wrong with the settings apart from single providers: the `.env` file, unknown names, aliases and models of the swarm
        that lead nowhere, ports of the swarm's services that somebody else has been given.
        """
        unknown = names.unknown(self._sources, VARIABLES.values(), rows)
        known = {row.name for row in rows}
        return [
            *self._findings, *unknown, *self._lost_aliases(known), *self._doubtful_webhook(), *self._lost_models(known),
            *self._swarm_ports_taken(rows),
        ]  # fmt: skip

    def in_force(self, rows: Sequence[ProviderRow]) -> list[InForce]:
        """Every setting of ours with its value and origin, the providers' ports among them."""
        found = []
        for name, variable in VARIABLES.items():
            found.append(InForce(variable, self._in_force(name), self.origin(variable)))
            if name == "host":
                found += [InForce(names.port(row.name), _shown(self._port(row)[0]), self._port(row)[1]) for row in rows]
        return [*found, *self._provider_budgets_in_force(rows)]

    def _in_force(self, name: str) -> str:
        if name == "config":
            return _shown(configuration.place(self.config))
        value = getattr(self, name)
        if name == "alert_webhook" and value is not None:
            return f"{urls.shown(value.reveal())}/{secret.VEIL}"
        return values.shown_usd(value) if name in _AMOUNTS and value is not None else _shown(value)

    def _provider_budgets_in_force(self, rows: Iterable[ProviderRow]) -> Iterator[InForce]:
        for variable in (names.budget(row.name, period) for row in rows for period in names.BUDGET_PERIODS):
            if limit := self.provider_budgets.get(_tail(variable)):
                yield InForce(variable, values.shown_usd(limit), self.origin(variable))

    def _stray_budgets(self, rows: Sequence[ProviderRow]) -> list[Problem]:
        known = {_tail(names.budget(row.name, period)) for row in rows for period in names.BUDGET_PERIODS}
        variables = [
            OF_PROVIDERS["provider_budgets"] + name.upper() for name in self.provider_budgets if name not in known
        ]
        message = f"caps a provider that is not there. There are: {', '.join(row.name for row in rows)}."
        return [Problem(message, variable, str(self.origin(variable))) for variable in variables]

    def _port(self, row: ProviderRow) -> tuple[int | None, Origin]:
        return self.ports.get(names.stem(row.name).lower(), row.port), self.origin(names.port(row.name))

    def _listeners(self, rows: Iterable[ProviderRow], machine: str) -> urls.Listeners:
        ports = [*(self._port(row)[0] for row in rows), self.admin_port if self.admin_key else None]
        own = (self.host, *self.allowed_hosts, machine, f"{machine}.local")
        return urls.Listeners.of(own, (port for port in ports if port))

    def _shared_admin_port(self, rows: Iterable[ProviderRow]) -> Problem | None:
        holder = next((row.name for row in rows if self._port(row)[0] == self.admin_port), None)
        if self.admin_key is None or not self.admin_port or holder is None:
            return None
        variable = VARIABLES["admin_port"]
        message = f"is {self.admin_port}, which {holder} has already. Give one of them another port."
        return Problem(message, variable, str(self.origin(variable)))

    def _known(self, rows: Iterable[ProviderRow]) -> frozenset[str]:
        return frozenset(VARIABLES.values()).union(*(names.of_provider(row) for row in rows))

    def _doubtful_webhook(self) -> Iterator[Problem]:
        if self.alert_webhook is None:
            if self.alert_webhook_secret is not None:
                variable = VARIABLES["alert_webhook_secret"]
                message = f"signs nothing: {VARIABLES['alert_webhook']} is not set."
                yield Problem(message, variable, str(self.origin(variable)), "warning")
        elif urls.posted(self.alert_webhook.reveal()).is_in_the_clear:
            variable = VARIABLES["alert_webhook"]
            message = "is plain http to another machine: what is spent can be read on the way. Use https."
            yield Problem(message, variable, str(self.origin(variable)), "warning")

    def _lost_aliases(self, providers: Collection[str]) -> list[Problem]:
        variable = VARIABLES["aliases"]
        return [
            Problem(
                f"has an alias {alias} for a provider that is not there. There are: {', '.join(sorted(providers))}.",
                variable,
                str(self.origin(variable)),
            )
            for alias, target in self.aliases.items()
            if target.partition("/")[0] not in providers
        ]

    def _lost_models(self, providers: Collection[str]) -> list[Problem]:
        variable = VARIABLES["swarm_models"]
        message = "names {}, whose provider is not there. There are: {}."
        return [
            Problem(message.format(model, ", ".join(sorted(providers))), variable, str(self.origin(variable)))
            for model in self.swarm_models
            if model.partition("/")[0] not in providers
        ]

    def _swarm_ports_taken(self, rows: Sequence[ProviderRow]) -> list[Problem]:
        """Ports that we may serve for the swarm, and have given to a provider's listener or to another of its services already."""
        if self.swarm not in {"auto", "embedded"}:
            return []
        holders = {port: row.name for row in rows if (port := self._port(row)[0])}
        if self.admin_key is not None and self.admin_port:
            holders.setdefault(self.admin_port, VARIABLES["admin_port"])
        found = []
        for name in ("swarm_router_port", "swarm_gateway_port", "swarm_registry_port"):
            port, variable = getattr(self, name), VARIABLES[name]
            if port and port in holders:
                message = f"is {port}, which {holders[port]} has already. Give one of them another port."
                found.append(Problem(message, variable, str(self.origin(variable))))
            elif port:
                holders[port] = variable
        return found


OF_PROVIDERS = {"ports": names.port(""), "provider_budgets": f"{names.PREFIX}BUDGET_"}
"""Fields that have variables for each provider, and with what these begin."""
VARIABLES = {name: names.PREFIX + name.upper() for name in Settings.model_fields if name not in OF_PROVIDERS}
"""The variable of each other field."""
_AMOUNTS = frozenset(f"budget_usd_per_{period}" for period in names.BUDGET_PERIODS)


def _tail(variable: str) -> str:
    """A provider's budget variable as `provider_budgets` has it."""
    return variable.removeprefix(OF_PROVIDERS["provider_budgets"]).lower()


def _shown(value: Any) -> str:
    """A value for eyes, in the spelling that the setting takes."""
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, dict):
        return wire.encode(value).decode()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
