"""A call's way: plan, attempt, reply. No format, no host name, no decision by a provider's name."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import httpx

from polyglot_cloud import media, translate
from polyglot_cloud.amounts import Nano
from polyglot_cloud.booking import Account, Bookkeeper, cost_header
from polyglot_cloud.call import Call, Outcome, Reply, Target
from polyglot_cloud.catalog import Catalog, Retired
from polyglot_cloud.dialects import Dialect
from polyglot_cloud.errors import BadRequest, BrokenReply, GatewayError
from polyglot_cloud.headers import PREFIX, downward, loss_list, upward
from polyglot_cloud.large import Segments
from polyglot_cloud.media import Fetcher
from polyglot_cloud.neutral import Need
from polyglot_cloud.providers import Provider
from polyglot_cloud.stream import Stream
from polyglot_cloud.transport import Incoming, Outgoing, Timeouts, send

MAX_REPLY = 256 * 1024 * 1024
"""Bytes a whole reply may have: images come as base64, and nothing that a provider sends today is near this."""
MAX_ERROR = 1024 * 1024
REMEMBERED = 1024
"""Answers to who answers that are kept. A client may ask for any name, so there is a bound."""
PERHAPS_NEWER = frozenset({"unknown_parameter", "invalid_value", "invalid_type"})
"""Codes of refusals of ours that a provider of the same dialect may see differently."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the pipeline is told by the settings. Times in seconds; `urls` is where each provider's own face is reached."""

    retired: Retired = "refuse"
    timeouts: Timeouts = field(default_factory=Timeouts)
    commit_after: float = 10.0
    urls: Mapping[str, str] | None = None
    user_agent: str = "polyglot-cloud"


@dataclass(slots=True)
class Opened:
    """A provider's reply whose head is there, and the headers that the client gets with whatever becomes of it: errors within it too."""

    incoming: Incoming
    headers: dict[str, str]
    account: Account | None = None

    def failed(self, error: BaseException) -> None:
        if self.account is not None:
            self.account.failed(error)
        if isinstance(error, GatewayError):
            error.headers.update(self.headers)


class Pipeline:
    def __init__(
        self,
        catalog: Catalog,
        providers: Mapping[str, Provider],
        dialects: Mapping[str, Dialect],
        transport: httpx.AsyncBaseTransport,
        rules: Rules,
        today: Callable[[], date],
        fetcher: Fetcher | None = None,
        books: Bookkeeper | None = None,
    ) -> None:
        """`fetcher` reads what clients name by URL and a target takes only inline; None: nothing is fetched. `books` None: nothing is
        booked, and no budget applies.
        """
        self.catalog = catalog
        self.providers = providers
        self._dialects = dialects
        self._transport = transport
        self._rules = rules
        self._today = today
        self._fetcher = fetcher
        self._books = books
        self._day: date | None = None
        self._targets: dict[tuple[str | None, str | None, str, frozenset[Need], bool], Target] = {}

    def beside(self, catalog: Catalog, providers: Mapping[str, Provider]) -> "Pipeline":
        """The same way, for what no catalog of a file knows."""
        books = self._books.over(catalog) if self._books is not None else None
        return Pipeline(
            catalog, providers, self._dialects, self._transport, self._rules, self._today, self._fetcher, books
        )

    async def handle(self, call: Call) -> Reply:
        """Answers a call. Raises GatewayError; nothing was sent where it is a CallerError of ours.

        A streamed body holds the attempt's connection and must be closed.
        """
        target, outbound = await self.prepared(call)
        if outbound.copies > 1:
            return await self._several(call, target, outbound)
        opened = await self._open(call, target, outbound)
        try:
            if call.peek.stream:
                return await self._stream(call, target, outbound, opened)
            body = await opened.incoming.gather(MAX_REPLY)
            await opened.incoming.close()
            reply = await self._whole(call, target, outbound, [body], opened.headers)
        except BaseException as error:
            opened.failed(error)  # before the next wait, in which a cancellation would leave it undone
            await opened.incoming.close()
            raise
        if opened.account is not None:
            reply.headers[f"{PREFIX}cost-usd"] = cost_header(opened.account.complete(reply.outcome, len(body)).nano)
        return reply

    async def prepared(self, call: Call) -> tuple[Target, translate.Outbound]:
        """Who answers this call, and what it is asked. Raises what `handle` raises before anything is sent."""
        target = self.target(call)
        if call.caller is not None:
            call.caller.check_target(target.provider, target.destination.model, *target.listed_as)
        return await self._outbound(call, target)

    def target(self, call: Call) -> Target:
        """Who answers this call. Raises UnknownModel, RetiredModel, BadRequest, Unsupported.

        What was found is kept for the day: it depends on the call's few words below, and on no other thing.
        """
        if (today := self._today()) != self._day:
            self._day, self._targets = today, {}
        peek = call.peek
        asked = call.provider, peek.model, call.dialect.name, peek.needs, peek.extended
        known = self._targets.get(asked)
        if known is None:
            known = self._found(call, today)
            if len(self._targets) < REMEMBERED:
                self._targets[asked] = known
        return known

    def _found(self, call: Call, today: date) -> Target:
        rules = self._rules
        resolution = self.catalog.resolve(
            call.peek.model, provider=call.provider, today=today, retired=rules.retired, urls=rules.urls
        )
        row, spoken = resolution.row, self.providers[resolution.provider].dialects
        offered = [offer.dialect for offer in row.offers] if row and row.offers else spoken
        # a host that nobody described may know these members; of the others we know that they do not
        rewrite = call.peek.extended and row is not None and bool(row.offers)
        readable = call.dialect.read_request is not None
        # where the body is written anew in any case, the model's preferred dialect takes more of it home
        plan = self.catalog.plan(resolution, "" if rewrite else call.dialect.name, call.peek.needs, readable=readable)
        return Target(
            provider=resolution.provider,
            dialect=self._dialects[plan.dialect],
            destination=self.catalog.destination(resolution),
            edited=resolution.edited,
            passable=call.dialect.name in offered and not rewrite,
            rewrite=rewrite,
            substituted_from=resolution.substituted_from,
            emulate=plan.emulate,
            listed_as=self.catalog.listed(resolution.provider, resolution.wire_model),
        )

    async def _open(self, call: Call, target: Target, outbound: translate.Outbound) -> Opened:
        """Sends, and sees to it that a 200 has come. What is returned must be closed."""
        provider = self.providers[target.provider]
        addressed = self._addressed(call, provider, outbound)
        account = None
        if self._books is not None and not call.peek.counting:
            account = await self._books.open(call, target, outbound, addressed)
            if outbound.clamped is not None:
                addressed = replace(addressed, body=outbound.body)
        try:
            incoming = await send(self._transport, addressed, self._rules.timeouts)
        except BaseException as error:
            if account is not None:
                account.failed(error)
            raise
        headers = {**provider.public(downward(incoming.headers)), **told(call, target, outbound)}
        opened = Opened(incoming, headers, account)
        try:
            if account is not None:
                headers[f"{PREFIX}receipt"] = account.tab.attempt
                await account.tab.written()
                if account.tab.unbooked:
                    headers[f"{PREFIX}unbooked"] = "true"
            await self._check(target, provider, incoming)
        except BaseException as error:
            opened.failed(error)
            await incoming.close()
            raise
        return opened

    async def _check(self, target: Target, provider: Provider, incoming: Incoming) -> None:
        if 300 <= incoming.status < 400:
            raise BrokenReply(f"The provider answered with a redirect ({incoming.status}), which is not followed.")
        if incoming.status > 599:
            raise BrokenReply(f"The provider answered with the status {incoming.status}, which HTTP does not have.")
        if incoming.status >= 400:
            raise provider.error(target.dialect, incoming.status, await incoming.start(MAX_ERROR), incoming.headers)
        if incoming.headers.get("content-encoding", "identity") != "identity":
            raise BrokenReply("The provider compressed its answer although it was asked not to.")

    async def _several(self, call: Call, target: Target, outbound: translate.Outbound) -> Reply:
        """As many requests side by side as the client wants choices. The first that fails ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._ask(call, target, outbound)) for _ in range(outbound.copies)]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        answers = [task.result() for task in asked]
        headers = answers[0][1]
        if self._books is not None:
            headers[f"{PREFIX}receipt"] = ", ".join(answer[1][f"{PREFIX}receipt"] for answer in answers)
            headers[f"{PREFIX}cost-usd"] = cost_header(sum(cost for _, _, cost in answers))
        return await self._whole(call, target, outbound, [answer[0] for answer in answers], headers)

    async def _ask(
        self, call: Call, target: Target, outbound: translate.Outbound
    ) -> tuple[bytes | Segments, dict[str, str], Nano]:
        # a budget may lower the maximum of one and not of another
        outbound = replace(outbound, edits=list(outbound.edits))
        opened = await self._open(call, target, outbound)
        try:
            body = await opened.incoming.gather(MAX_REPLY)
            cost = 0
            if opened.account is not None:
                cost = opened.account.complete(translate.outcome_of(target, bytes(body)), len(body)).nano
        except BaseException as error:
            opened.failed(error)
            raise
        finally:
            await opened.incoming.close()
        return body, opened.headers, cost

    async def _outbound(self, call: Call, target: Target) -> tuple[Target, translate.Outbound]:
        """A word that we do not know, of a client whose dialect the provider speaks, is left to the provider to judge: it may be newer
        than we are. What is wrong whoever reads it is refused here. Raises BadRequest and Unsupported.
        """
        try:
            request = await translate.reading(call, target)
            if request is None:
                return target, await translate.writing(call, target, None)
            request, inlined = await media.inline(request, target.dialect.takes_url, self._fetcher, call.value)
            outbound = await translate.writing(call, target, request)
            if inlined:
                outbound.losses = [*inlined, *outbound.losses]
            return target, outbound
        except BadRequest as error:
            if not target.passable or error.code not in PERHAPS_NEWER:
                raise
            target = replace(target, dialect=call.dialect, emulate=frozenset(), rewrite=False)
            return target, await translate.writing(call, target, None)

    def _addressed(self, call: Call, provider: Provider, outbound: translate.Outbound) -> Outgoing:
        headers = upward(call.headers, same_dialect=outbound.passed)
        headers.setdefault("user-agent", self._rules.user_agent)
        for name, value in provider.hints.items():
            headers.setdefault(name, value)
        if outbound.headers:
            headers |= outbound.headers
        headers |= provider.headers()
        headers["content-type"] = "application/json"
        headers["accept-encoding"] = "identity"
        version = call.version if outbound.passed else None
        return Outgoing("POST", provider.url(outbound.path, version), headers, outbound.body)

    async def _whole(
        self,
        call: Call,
        target: Target,
        outbound: translate.Outbound,
        bodies: list[bytes | Segments],
        headers: dict[str, str],
    ) -> Reply:
        inbound = await translate.answering(call, target, outbound, bodies)
        if inbound.losses:
            headers[f"{PREFIX}dropped"] = loss_list([*outbound.losses, *inbound.losses])
        headers["content-type"] = "application/json"
        return Reply(200, headers, inbound.body, Outcome("complete", inbound.usage, inbound.model))

    async def _stream(self, call: Call, target: Target, outbound: translate.Outbound, opened: Opened) -> Reply:
        incoming, headers = opened.incoming, opened.headers
        kind = incoming.headers.get("content-type", "").lower()
        framed = kind.startswith("text/event-stream")
        array = outbound.passed and target.dialect.unframed and kind.startswith("application/json")
        if incoming.status != 200 or not (framed or array):
            raise BrokenReply(
                f"The provider answered a streamed call with {kind or 'no content type'} instead of events."
            )
        outcome = Outcome()
        machine = translate.pump(call, target, outbound, outcome, framed=framed)
        stream = Stream(machine, incoming, opened.account.ended if opened.account else None)
        await stream.commit(self._rules.commit_after)
        headers["content-type"] = call.dialect.media_type if framed else kind or "application/octet-stream"
        headers["cache-control"] = "no-cache"
        return Reply(200, headers, stream, outcome)


def told(call: Call, target: Target, outbound: translate.Outbound) -> dict[str, str]:
    """The headers that say who answers, and what of the call was changed."""
    headers = {
        f"{PREFIX}request-id": call.id,
        f"{PREFIX}provider": target.provider,
        f"{PREFIX}model": target.destination.model,
        f"{PREFIX}dialect": target.dialect.name,
    }
    if call.edits or outbound.edits:
        headers[f"{PREFIX}edited"] = ", ".join(dict.fromkeys((*call.edits, *outbound.edits)))
    if outbound.losses:
        headers[f"{PREFIX}dropped"] = loss_list(outbound.losses)
    if outbound.clamped is not None:
        headers[f"{PREFIX}clamped"] = "{}->{}".format(*outbound.clamped)
    if target.substituted_from:
        headers[f"{PREFIX}model-substituted"] = f"{target.substituted_from}->{target.destination.model}"
    return headers
