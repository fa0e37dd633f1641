"""The one seam to the network. `send` puts a request on the wire and returns the open reply.

    messages.py     Timeouts, Outgoing, Incoming: what callers see
    native.py       NativeTransport: kept connections over asyncio and httptools, used where nothing else is asked for
      pool.py         the connections to one origin
      connection.py   one connection: a request out, a reply in
      reply.py        an open reply of such a connection
      heads.py        heads, as text and as bytes
      origins.py      a URL -> who is connected to, and what is asked for there
      dialing.py      a name -> a connected socket: the addresses raced
    foreign.py      any other httpx transport: httpx's own, MockTransport, respx
    proxies.py      which proxy the environment names for a host
    choice.py       which transport serves, by the settings
    tls.py          the one TLS context
    failures.py     httpx's errors -> ours

Tests put `httpx.MockTransport` (or respx's router inside one) where a transport goes.
"""

from polyglot_cloud.transport.choice import BadTransport, Choice, open_transport
from polyglot_cloud.transport.failures import AddressRefused, wire_error
from polyglot_cloud.transport.foreign import HttpxReply, send
from polyglot_cloud.transport.messages import Incoming, Outgoing, Timeouts
from polyglot_cloud.transport.native import NativeTransport
from polyglot_cloud.transport.pool import Bounds
from polyglot_cloud.transport.proxies import Proxies
from polyglot_cloud.transport.tls import ssl_context

__all__ = [
    "AddressRefused",
    "BadTransport",
    "Bounds",
    "Choice",
    "HttpxReply",
    "Incoming",
    "NativeTransport",
    "Outgoing",
    "Proxies",
    "Timeouts",
    "open_transport",
    "send",
    "ssl_context",
    "wire_error",
]
