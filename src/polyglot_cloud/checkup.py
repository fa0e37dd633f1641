"""What `polyglot-cloud check` finds: provider by provider, setting by setting, and what is wrong. Nothing here prints, opens a
connection or shows a key: the probe and the catalog's word on models are handed in.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyglot_cloud.hosts import in_url
from polyglot_cloud.rows import TIERS, ProviderRow
from polyglot_cloud.settings import Access, InForce, Problem, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the catalog says of a model name. `model` is the id that will be asked, None where none can.

    `note` is worth knowing (a retired model's successor answers; the price is not known), `problem` has to be mended.
    """

    model: str | None
    note: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a provider's models endpoint said. `message` tells a person; `milliseconds` is the time it took."""

    reachable: bool
    message: str
    milliseconds: int | None = None


Resolve = Callable[[str, str], Resolution]
"""(provider, model id, alias or tier) -> what answers."""
Probe = Callable[[Access], Awaitable[ProbeResult]]


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model of a provider. `role` is default, low, medium or high; `name` what was written, by whom `origin` says."""

    role: str
    name: str
    origin: str
    resolution: Resolution


@dataclass(frozen=True, slots=True)
class ProviderReport:
    name: str
    title: str
    has_key: bool
    key_variable: str | None
    key_origin: str | None
    base_url: str
    base_url_origin: str
    port: int | None
    account: dict[str, str]
    models: tuple[ModelLine, ...]
    probe: ProbeResult | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole finding. `problems` are those of no single provider."""

    providers: tuple[ProviderReport, ...] = ()
    settings: tuple[InForce, ...] = ()
    problems: tuple[Problem, ...] = ()
    host: str = ""
    online: bool = False
    admin: str | None = None
    """Where the administration listens, None: it is off."""

    def everything(self) -> Iterator[tuple[str | None, Problem]]:
        """Each problem, with the provider that it belongs to."""
        yield from ((None, problem) for problem in self.problems)
        for provider in self.providers:
            yield from ((provider.name, problem) for problem in provider.problems)

    @property
    def wrong(self) -> int:
        return sum(problem.is_wrong for _, problem in self.everything())

    @property
    def exit_status(self) -> int:
        return 1 if self.wrong else 0

    def text(self) -> str:
        return "\n".join(_lines(self)) + "\n"

    def as_json(self) -> str:
        """The same as one JSON object: ok, providers, settings, problems."""
        return json.dumps(_document(self), indent=2, ensure_ascii=False) + "\n"


async def examine(
    settings: Settings,
    rows: Sequence[ProviderRow],
    accesses: Mapping[str, Access],
    resolve: Resolve,
    probe: Probe | None = None,
) -> Report:
    """Looks at everything. With a probe, all providers that have a key are asked at once; one that has none is not."""
    probes = await asyncio.gather(*(_probe(accesses[row.name], probe) for row in rows))
    return Report(
        providers=tuple(
            _provider(row, accesses[row.name], resolve, found) for row, found in zip(rows, probes, strict=True)
        ),
        settings=tuple(settings.in_force(rows)),
        problems=tuple(settings.problems(rows)),
        host=settings.host,
        online=probe is not None,
        admin=_listener(settings.admin_port, "127.0.0.1") if settings.admin_key is not None else None,
    )


def refused(error: SettingsError) -> Report:
    """The report where the settings could not even be read."""
    return Report(problems=error.problems)


async def _probe(access: Access, probe: Probe | None) -> ProbeResult | None:
    return await probe(access) if probe is not None and access.key is not None else None


def _provider(row: ProviderRow, access: Access, resolve: Resolve, probe: ProbeResult | None) -> ProviderReport:
    models = tuple(_models(row, access, resolve))
    problems = list(access.problems)
    problems += (
        Problem(f"model {line.name} ({line.role}, {line.origin}): {line.resolution.problem}")
        for line in models
        if line.resolution.problem
    )
    if probe is not None and not probe.reachable:
        problems.append(Problem(f"{access.base_url} was asked: {probe.message}"))
    return ProviderReport(
        name=row.name,
        title=row.title,
        has_key=access.key is not None,
        key_variable=access.key_variable,
        key_origin=str(access.key_origin) if access.key_origin else None,
        base_url=access.base_url,
        base_url_origin=_whence(access.base_url_variable, str(access.base_url_origin)),
        port=access.port,
        account=access.account,
        models=models,
        probe=probe,
        problems=tuple(problems),
    )


def _models(row: ProviderRow, access: Access, resolve: Resolve) -> Iterator[ModelLine]:
    named: list[tuple[str, str | None]] = [("default", access.default or row.default)]
    named += ((tier, access.tiers.get(tier) or row.tiers.get(tier)) for tier in TIERS)
    for role, name in named:
        if name:
            yield ModelLine(role, name, str(access.model_origins.get(role, "catalog")), resolve(row.name, name))


def _whence(variable: str | None, origin: str) -> str:
    return f"{variable}, {origin}" if variable else origin


# --- for people ---

_SIGNS = {"error": "✗", "warning": "!", "note": "·"}


def _lines(report: Report) -> Iterator[str]:
    for provider in report.providers:
        yield from _provider_lines(provider, report)
        yield ""
    if report.settings:
        yield f"Administration of tenants and keys, {report.admin or 'off: POLYGLOT_ADMIN_KEY opens it'}"
        yield ""
        yield "Settings"
        width = max(len(setting.variable) for setting in report.settings)
        for setting in report.settings:
            yield f"  {setting.variable:<{width}}  {setting.value}  ({setting.origin})"
        yield ""
    yield from _verdict(report)


def _provider_lines(provider: ProviderReport, report: Report) -> Iterator[str]:
    yield f"{provider.title} ({provider.name}), {_listener(provider.port, report.host)}"
    key = f"present ({_whence(provider.key_variable, str(provider.key_origin))})" if provider.has_key else "missing"
    yield f"  key        {key}"
    yield f"  base URL   {provider.base_url} ({provider.base_url_origin})"
    for part, value in provider.account.items():
        yield f"  {part:<10} {value}"
    for line in provider.models:
        yield f"  {line.role:<10} {_model(line)}"
    if report.online:
        yield f"  reachable  {_reachability(provider.probe)}"
    for problem in provider.problems:
        yield f"  {_SIGNS[problem.level]} {problem}"


def _listener(port: int | None, host: str) -> str:
    if port is None:
        return "no port of its own"
    return f"http://{in_url(host)}:{port}" if port else "any free port"


def _model(line: ModelLine) -> str:
    answers = line.resolution.model
    arrow = f" -> {answers}" if answers and answers != line.name else ""
    note = f"; {line.resolution.note}" if line.resolution.note else ""
    return f"{line.name}{arrow} ({line.origin}){note}"


def _reachability(probe: ProbeResult | None) -> str:
    if probe is None:
        return "not asked, for want of a key"
    took = f", {probe.milliseconds} ms" if probe.milliseconds is not None else ""
    return f"{'yes' if probe.reachable else 'no'}: {probe.message}{took}"


def _verdict(report: Report) -> Iterator[str]:
    found = [(owner, problem) for owner, problem in report.everything() if problem.is_wrong]
    yield "Nothing is wrong." if not found else f"Wrong ({len(found)}):"
    for owner, problem in found:
        yield f"  {_SIGNS[problem.level]} {f'{owner}: ' if owner else ''}{problem}"
    notes = [problem for problem in report.problems if not problem.is_wrong]
    yield from (f"  {_SIGNS[note.level]} {note}" for note in notes)


# --- for programs ---


def _document(report: Report) -> dict[str, Any]:
    return {
        "ok": report.exit_status == 0,
        "providers": [_provider_document(provider) for provider in report.providers],
        "administration": report.admin,
        "settings": [
            {"variable": setting.variable, "value": setting.value, "source": str(setting.origin)}
            for setting in report.settings
        ],
        "problems": [_problem_document(problem, owner) for owner, problem in report.everything()],
    }


def _provider_document(provider: ProviderReport) -> dict[str, Any]:
    probe = provider.probe
    return {
        "name": provider.name,
        "title": provider.title,
        "key": {"present": provider.has_key, "variable": provider.key_variable, "source": provider.key_origin},
        "base_url": provider.base_url,
        "base_url_source": provider.base_url_origin,
        "port": provider.port,
        "account": provider.account,
        "models": {line.role: _model_document(line) for line in provider.models},
        "probe": probe and {"reachable": probe.reachable, "message": probe.message, "milliseconds": probe.milliseconds},
    }


def _model_document(line: ModelLine) -> dict[str, Any]:
    answer = line.resolution
    return {
        "name": line.name,
        "source": line.origin,
        "model": answer.model,
        "note": answer.note,
        "problem": answer.problem,
    }


def _problem_document(problem: Problem, provider: str | None) -> dict[str, Any]:
    return {
        "provider": provider,
        "level": problem.level,
        "variable": problem.variable,
        "source": problem.source,
        "message": problem.message,
    }
