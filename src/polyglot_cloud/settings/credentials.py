"""How each provider is reached, and as whom: its key, base URL, port and models, and where each of them was said.

Two guards stand here. A base URL that leads back to this process is ignored, since a client's shell profile sets the same variable.
A base URL from `.env` is used only with a key from the same file, so that a planted file cannot carry a key away.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from polyglot_cloud.rows import TIERS, ProviderRow, Tier
from polyglot_cloud.settings import names, secret, urls
from polyglot_cloud.settings.problems import Level, Problem, SettingsError
from polyglot_cloud.settings.secret import Secret
from polyglot_cloud.settings.sources import CATALOG, Found, Origin, Sources

_ACCOUNT_HEADERS = {"openai": {"organization": "OpenAI-Organization", "project": "OpenAI-Project"}}
"""Whom a provider bills, by header (facts of 2026-11-22: OpenAI, API reference). Others are told by the key alone."""


@dataclass(frozen=True, slots=True)
class Access:
    """How one provider is reached. What `.env` leaves open is empty here, and the catalog's to choose.

    key              None where there is none that could be used; `missing_key_message` then says what to do, in words fit for a client
    base_url         with its version segment, without a slash at the end
    port             of its own listener; None: it has none
    default, tiers   models named by the operator; `model_origins` has where, under "default", "low", "medium", "high"
    account          organization and project, as far as given; `headers` are those of them that go with each request
    """

    name: str
    key: Secret | None
    key_variable: str | None
    key_origin: Origin | None
    missing_key_message: str
    base_url: str
    base_url_variable: str | None
    base_url_origin: Origin
    port: int | None
    port_origin: Origin
    default: str | None = None
    tiers: dict[Tier, str] = field(default_factory=dict)
    model_origins: dict[str, Origin] = field(default_factory=dict)
    account: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is true of all providers of this process. `foreign`: rows whose address or key variables a catalog named in `.env` set."""

    sources: Sources
    listeners: urls.Listeners
    ports: Mapping[str, tuple[int | None, Origin]]
    foreign: Collection[str]
    known: Collection[str]


@dataclass(slots=True)
class _Findings:
    """What one provider's variables come to: problems to show, faults that forbid a start."""

    problems: list[Problem] = field(default_factory=list)
    faults: list[Problem] = field(default_factory=list)


def collect(rows: Sequence[ProviderRow], circumstances: Circumstances) -> dict[str, Access]:
    """The access to each provider, by name. Raises SettingsError with the faults of all of them."""
    found: dict[str, Access] = {}
    faults: list[Problem] = list(_shared_ports(rows, circumstances.ports))
    for row in rows:
        findings = _Findings()
        found[row.name] = _access(row, circumstances, findings)
        faults += findings.faults
    if faults:
        raise SettingsError(faults)
    return found


def _shared_ports(rows: Iterable[ProviderRow], ports: Mapping[str, tuple[int | None, Origin]]) -> Iterator[Problem]:
    holders: dict[int, str] = {}
    for row in rows:
        port, origin = ports[row.name]
        if port and port in holders:
            message = f"is {port}, which {holders[port]} has already. Give one of them another port."
            yield Problem(message, names.port(row.name), str(origin))
        if port:
            holders.setdefault(port, row.name)


def _access(row: ProviderRow, circumstances: Circumstances, findings: _Findings) -> Access:
    key, key_found, message = _key(row, circumstances, findings)
    base_url, url_found = _base_url(row, circumstances, key_found, findings)
    models = dict(_models(row, circumstances.sources, findings))
    account = dict(_account(row, circumstances.sources, findings))
    names_of_headers = _ACCOUNT_HEADERS.get(row.name, {})
    port, port_origin = circumstances.ports[row.name]
    return Access(
        name=row.name,
        key=key,
        key_variable=key_found.variable if key_found else None,
        key_origin=key_found.origin if key_found else None,
        missing_key_message=message,
        base_url=base_url,
        base_url_variable=url_found.variable if url_found else None,
        base_url_origin=url_found.origin if url_found else CATALOG,
        port=port,
        port_origin=port_origin,
        default=models["default"].value if "default" in models else None,
        tiers={tier: models[tier].value for tier in TIERS if tier in models},
        model_origins={role: model.origin for role, model in models.items()},
        account=account,
        headers={names_of_headers[part]: value for part, value in account.items() if part in names_of_headers},
        problems=tuple(findings.problems),
    )


# --- keys ---


def _key(
    row: ProviderRow, circumstances: Circumstances, findings: _Findings
) -> tuple[Secret | None, Found | None, str]:
    """The first variable with something that can be a key, or the message that says what to do."""
    unusable: list[str] = []
    for found in circumstances.sources.all(row.key_variables):
        reading = secret.read(found.value, row.key_example)
        if reading.key is None:
            unusable.append(f"{found.variable} in {_place(found, circumstances)} {reading.fault}.")
        elif row.name in circumstances.foreign and found.origin != circumstances.sources.file_origin:
            unusable.append(
                f"{found.variable} is withheld: a catalog named in {circumstances.sources.file_name} says where it would be sent."
                f" Put the key into the same file, or name the catalog in the environment."
            )
        else:
            if reading.remark:
                findings.problems.append(Problem(f"{reading.remark}.", found.variable, str(found.origin), "note"))
            return reading.key, found, ""
    message = _missing(row, circumstances, unusable)
    findings.problems.append(Problem(message))
    return None, None, message


def _place(found: Found, circumstances: Circumstances) -> str:
    return circumstances.sources.file_name if found.origin.kind == "dotenv" else "the environment"


def _missing(row: ProviderRow, circumstances: Circumstances, unusable: Iterable[str]) -> str:
    """Why there is no key and how to give one. Clients read it too, so it names no directory of this machine."""
    variables = _as_asked_for(row)
    if not variables:
        return f"{row.name} has no key variable in the catalog. Add key_variables to its entry."
    why = " ".join(unusable) or f"{variables[0]} not found in {circumstances.sources.file_name}."
    stray = names.misspelt(circumstances.sources, variables, circumstances.known)
    hint = f" {stray} is set: did you mean {variables[0]}?" if stray else ""
    others = f" ({' or '.join(variables[1:])} is read as well.)" if variables[1:] else ""
    page = f" Keys are made at {row.key_page}." if row.key_page else ""
    return f"{why}{hint} Please add it: {variables[0]}={row.key_example}{others}{page}"


def _as_asked_for(row: ProviderRow) -> list[str]:
    """The variables in the order in which a person is told of them: the one with the provider's name first."""
    own = f"{names.stem(row.name)}_"
    return sorted(row.key_variables, key=lambda variable: not variable.startswith(own))


# --- base URLs ---


def _base_url(
    row: ProviderRow, circumstances: Circumstances, key: Found | None, findings: _Findings
) -> tuple[str, Found | None]:
    """The first base URL that may be used, else the catalog's. Our own variable comes before the vendor's, wherever it stands."""
    sources = circumstances.sources
    for found in (*sources.all((names.base_url(row.name),)), *sources.all(row.base_url_variables)):
        if not found.value.strip():
            continue
        try:
            url = urls.normalise(found.value, row.base_url)
        except urls.BadUrl as error:
            findings.faults.append(Problem(f"{error}.", found.variable, str(found.origin)))
            continue
        if reason := _unusable(url, found, key, circumstances):
            findings.problems.append(Problem(reason[0], found.variable, str(found.origin), reason[1]))
            continue
        if url.is_in_the_clear:
            message = "is plain http to another machine: the key and every prompt can be read on the way. Use https."
            findings.problems.append(Problem(message, found.variable, str(found.origin), "warning"))
        return url.text, found
    return _catalog_url(row, circumstances, findings), None


def _unusable(
    url: urls.BaseUrl, found: Found, key: Found | None, circumstances: Circumstances
) -> tuple[str, Level] | None:
    if circumstances.listeners.own(url):
        return "leads to this gateway itself and is ignored; it is meant for clients.", "note"
    if found.origin.kind == "dotenv" and key is not None and key.origin != found.origin:
        return (
            f"is ignored: it stands in a file, and the key comes from the environment ({key.variable}). A file may not say"
            f" where another's key goes. Put both into the same place."
        ), "warning"
    return None


def _catalog_url(row: ProviderRow, circumstances: Circumstances, findings: _Findings) -> str:
    """The catalog's own base URL, which has its version already."""
    try:
        url = urls.normalise(row.base_url)
    except urls.BadUrl as error:
        findings.faults.append(Problem(f"base_url of {row.name} {error}.", source="catalog"))
        return row.base_url
    if circumstances.listeners.own(url):
        findings.faults.append(Problem(f"base_url of {row.name} leads to this gateway itself.", source="catalog"))
    if url.is_in_the_clear:
        message = (
            f"base_url of {row.name} is plain http to another machine: the key and every prompt can be read on the way."
        )
        findings.problems.append(Problem(message, source="catalog", level="warning"))
    return url.text


# --- models and accounts ---


def _models(row: ProviderRow, sources: Sources, findings: _Findings) -> Iterator[tuple[str, Found]]:
    roles: list[tuple[str, str]] = [("default", names.default_model(row.name))]
    roles += ((tier, names.tier_model(row.name, tier)) for tier in TIERS)
    for role, variable in roles:
        if found := _header_safe(sources.first((variable,)), findings):
            yield role, found


def _account(row: ProviderRow, sources: Sources, findings: _Findings) -> Iterator[tuple[str, str]]:
    for part, variables in (("organization", names.organization(row.name)), ("project", names.project(row.name))):
        if found := _header_safe(sources.first(variables), findings):
            yield part, found.value


def _header_safe(found: Found | None, findings: _Findings) -> Found | None:
    """The value without white space around it; nothing where it could not stand in a header or a URL."""
    if found is None:
        return None
    value = found.value.strip()
    if value.isascii() and value.isprintable():
        return Found(found.variable, value, found.origin)
    message = "holds a control character or a letter outside ASCII; it is ignored."
    findings.problems.append(Problem(message, found.variable, str(found.origin)))
    return None
