"""What goes wrong on the wire. Inside the transport errors are httpx's, so that every transport fails alike; callers see WireErrors."""

import httpx

from polyglot_cloud.errors import BrokenReply, TimedOut, Unreachable, Unsendable, WireError

ON_THE_WIRE = (httpx.HTTPError, httpx.InvalidURL)
"""All that a transport raises. InvalidURL stands outside httpx's own tree."""


class AddressRefused(httpx.ConnectError):
    """An address rule does not let a name's addresses be connected to."""


def wire_error(error: httpx.HTTPError | httpx.InvalidURL) -> WireError:
    """Classified by type. httpx's own words may name hosts and addresses, never credentials."""
    match error:
        case (
            httpx.ConnectTimeout()
            | httpx.ConnectError()
            | httpx.PoolTimeout()
            | httpx.UnsupportedProtocol()
            | httpx.ProxyError()
        ):
            return Unreachable(f"The provider could not be reached ({type(error).__name__}: {error}).")
        case httpx.LocalProtocolError() | httpx.InvalidURL():
            return Unsendable(f"The request could not be put on the wire ({error}).")
        case httpx.TimeoutException():
            return TimedOut(f"The provider stayed silent for too long ({type(error).__name__}).")
        case _:
            return BrokenReply(f"The connection to the provider broke ({type(error).__name__}: {error}).")
