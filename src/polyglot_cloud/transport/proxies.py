"""Which proxy the environment names for a host: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in capitals or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from polyglot_cloud.hosts import address, is_loopback


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxy URLs by the scheme of what is asked for, and the hosts that are reached without one."""

    by_scheme: Mapping[str, str]
    without: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Proxies":
        def named(name: str) -> str:
            return (environ.get(name.lower()) or environ.get(name.upper()) or "").strip()

        everything = named("all_proxy")
        found = {scheme: named(f"{scheme}_proxy") or everything for scheme in ("http", "https")}
        without = tuple(word for word in named("no_proxy").lower().replace(",", " ").split() if word)
        return cls({scheme: _url(value) for scheme, value in found.items() if value}, without)

    def proxy(self, scheme: str, host: str, port: int) -> str | None:
        """The proxy for a host, None where it is reached directly, as this machine itself always is."""
        found = self.by_scheme.get(scheme)
        if found is None or is_loopback(host) or any(_covers(word, host.lower(), port) for word in self.without):
            return None
        return found


def _url(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _covers(word: str, host: str, port: int) -> bool:
    """A word of NO_PROXY: `*`, a host and all below it (`.example`, `*.example`), an address or network; each with `:port` or without."""
    name, colon, number = word.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        if int(number) != port:
            return False
        word = name
    word = word.strip("[]").removeprefix("*.") if word != "*" else ""
    if not word:
        return True
    found = address(host)
    if found is not None:
        try:
            return found in ip_network(word, strict=False)
        except ValueError:
            return False
    return host == word.removeprefix(".") or host.endswith("." + word.removeprefix("."))
