"""Whether a provider can be reached, and takes the key: its list of models is asked for, which costs nothing."""

import time
from dataclasses import dataclass

from polyglot_cloud.errors import GatewayError
from polyglot_cloud.providers import Provider
from polyglot_cloud.transport import Choice, Outgoing, Timeouts, open_transport, send

TIMEOUTS = Timeouts(connect=5.0, read=15.0)
MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    reachable: bool
    message: str
    milliseconds: int | None = None


async def probe(provider: Provider, choice: Choice | None = None) -> Finding:
    """Asks once, by the transport that `choice` says. Every way to fail is a finding. Raises BadTransport where there is none to ask by."""
    began = time.perf_counter()
    try:
        headers = {**provider.hints, **provider.headers(), "accept-encoding": "identity"}
        async with open_transport(choice) as transport:
            incoming = await send(transport, Outgoing("GET", provider.url(provider.models_path()), headers), TIMEOUTS)
            try:
                body = await incoming.read(MAX_BODY)
            finally:
                await incoming.close()
    except GatewayError as error:
        return Finding(False, error.message)
    took = round((time.perf_counter() - began) * 1000)
    if incoming.status >= 400:
        dialect = next(iter(provider.dialects.values()))
        return Finding(
            False,
            f"{provider.error(dialect, incoming.status, body, incoming.headers).message} (HTTP {incoming.status})",
            took,
        )
    return Finding(True, f"answered {incoming.status}", took)
