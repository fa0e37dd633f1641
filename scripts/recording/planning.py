"""Who is asked what: for each provider and case the model that can do it for the least, and the most that this can cost."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from scripts.recording import cost
from scripts.recording.cases import Case, Table
from scripts.recording.exchange import encoded

from polyglot_cloud.catalog import Catalog
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import GatewayError
from polyglot_cloud.rows import Model

MOST_CALLS = 8
"""Tool calls that a model may make at once in our cases, each answered with the case's result. They ask for one or two."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line selects; empty is everything. `model` is asked in place of our own choice."""

    providers: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A case for a provider. `most` is in pico-dollars, for all its modes together."""

    case: Case
    provider: str
    model: str
    most: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.provider, self.case.dialect, self.case.name


@dataclass(slots=True)
class Plan:
    """`skipped` says of whom or what nothing is asked, and why."""

    jobs: list[Job] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def most(self) -> int:
        return sum(job.most for job in self.jobs)

    @property
    def calls(self) -> int:
        return sum(len(job.case.modes) for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Planner:
    """`dialects` by name, `today` for the prices. `sandbox`: its own cases too."""

    catalog: Catalog
    table: Table
    dialects: Mapping[str, Dialect]
    today: date
    sandbox: bool = False

    def plan(self, choice: Choice, missing: Mapping[str, str]) -> Plan:
        """`missing`: providers without a key, with what to do about it."""
        plan = Plan()
        for provider, row in self.catalog.providers.items():
            chosen = [case for case in self._chosen(choice) if self._asked(case, provider, row.dialects)]
            if not chosen or (choice.providers and provider not in choice.providers):
                continue
            if provider in missing:
                plan.skipped.append(f"{provider}: {missing[provider]}")
                continue
            for case in chosen:
                self._add(plan, case, provider, choice.model)
        return plan

    def _chosen(self, choice: Choice) -> list[Case]:
        """Those asked for, and those that they follow."""
        named = [
            case
            for case in self.table.cases
            if (not choice.cases or case.name in choice.cases)
            and (not choice.dialects or case.dialect in choice.dialects)
            and (self.sandbox or not case.sandbox)
        ]
        before = {(case.dialect, case.follows) for case in named}
        return [case for case in self.table.cases if case in named or (case.dialect, case.name) in before]

    @staticmethod
    def _asked(case: Case, provider: str, spoken: Iterable[str]) -> bool:
        return case.dialect in spoken and (not case.providers or provider in case.providers)

    def _add(self, plan: Plan, case: Case, provider: str, model: str | None) -> None:
        earlier = next((job for job in plan.jobs if job.key == (provider, case.dialect, case.follows)), None)
        if case.follows and earlier is None:
            plan.skipped.append(
                f"{provider} {case.dialect} {case.name}: {case.follows} comes before it and is not asked"
            )
            return
        try:
            plan.jobs.append(self._job(case, provider, earlier.model if earlier else model))
        except (GatewayError, LookupError) as error:
            plan.skipped.append(f"{provider} {case.dialect} {case.name}: {error.args[0]}")

    def _job(self, case: Case, provider: str, model: str | None) -> Job:
        """Raises GatewayError for a model that is not this provider's, LookupError where none can do it or its price is not known."""
        if case.model is not None:
            return Job(case, provider, case.model, 0)
        if model is not None:
            found = self.catalog.resolve(model, provider=provider, today=self.today, retired="pass")
            rows = [(found.row, found.wire_model)] if found.row else []
        else:
            rows = [(row, row.id) for row in self._able(case, provider)]
        priced = [(most, wire) for row, wire in rows if (most := self._most(case, row)) is not None]
        if not priced:
            named = f"{model} has no price" if model else "no model with a price does this"
            raise LookupError(f"{named} in the catalog, so nobody could say what it costs")
        most, wire = min(priced, key=lambda each: each[0])
        return Job(case, provider, wire, 0 if case.free else most)

    def _able(self, case: Case, provider: str) -> Iterator[Model]:
        for row in self.catalog.models(provider, self.today):
            quirks = row.quirks
            wishes = [(case.effort, quirks.efforts), (case.thinking, quirks.thinking)]
            if (
                row.kind == "chat"
                and row.status == "active"
                and any(offer.dialect == case.dialect and case.needs <= offer.needs for offer in row.offers)
                and all(wish is None or wish in (known or ()) for wish, known in wishes)
            ):
                yield row

    # --- cost ---

    def _most(self, case: Case, row: Model) -> int | None:
        """None where the price or the longest output is not known."""
        price = row.price_on(self.today)
        sizes = self._sizes(case, row)
        if price is None or sizes is None:
            return None
        return cost.most(price, *sizes) * len(case.modes)

    def _sizes(self, case: Case, row: Model) -> tuple[int, int] | None:
        """(tokens in, tokens out) of one request at most. What follows another takes in what that one took in and gave out."""
        if case.follows:
            earlier = next(
                each for each in self.table.cases if (each.dialect, each.name) == (case.dialect, case.follows)
            )
            sizes = self._sizes(earlier, row)
            return sizes and (sum(sizes) + MOST_CALLS * len(case.result) + self.table.unseen_input, sizes[1])
        dialect = self.dialects[case.dialect]
        allowed = dialect.peek(case.body, dialect.path("model", False)).max_tokens
        if allowed is None or (row.provider in self.table.visible_only and self._says_more(case, row)):
            allowed = row.max_output
        if allowed is None:
            return None
        return len(encoded(case.body)) + self.table.unseen_input, allowed

    @staticmethod
    def _says_more(case: Case, row: Model) -> bool:
        """Whether it may say what a maximum of visible text does not hold back."""
        thinks = row.quirks.efforts != () or bool(row.quirks.thinking)
        return thinks or "tools" in case.needs
