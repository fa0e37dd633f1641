"""What people may write as a value: sizes, seconds, lists, hosts, origins, aliases. Each reader says what a value must be.

Every reader raises ValueError with a reason that reads on from the variable's name and does not repeat the value.
"""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf

from polyglot_cloud import amounts, grants, wire
from polyglot_cloud import hosts as hosts_
from polyglot_cloud.addresses import Allowed
from polyglot_cloud.rows import TIERS
from polyglot_cloud.settings import secret, urls
from polyglot_cloud.settings.secret import Secret

_UNITS = {
    "": 1, "b": 1,
    "k": 1024, "kib": 1024, "m": 1024**2, "mib": 1024**2, "g": 1024**3, "gib": 1024**3,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3,
}  # fmt: skip
_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_DAY = 86_400.0
_LAST_PORT = 65535
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.1, 180.0
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_OWN_PORTS = {"http": "80", "https": "443"}
_SHORTEST_SECRET = 32
_SHORTEST_SIGNING_SECRET = 16
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_HOST_ADDRESS = re.compile(r"[0-9a-f:.]+(?:%[a-z0-9]+)?")


def _amount(value: Any, units: dict[str, Any], example: str) -> tuple[float, float]:
    match = _AMOUNT.fullmatch(str(value).strip().lower())
    if match is None or match[2] not in units:
        raise ValueError(f"must be {example}")
    return float(match[1]), units[match[2]]


def size(value: Any) -> int:
    """Bytes: 33554432, 32MiB, 10MB."""
    example = "a size such as 33554432, 32MiB or 10MB"
    number, unit = _amount(value, _UNITS, example)
    if not 1 <= number * unit <= 2**40:
        raise ValueError(f"must be {example}, from 1 byte to 1024 GiB")
    return int(number * unit)


def seconds(value: Any) -> float:
    """Seconds: 10, 0.5, 10s, 500ms, 2m. Zero is a value of its own."""
    example = "a time such as 10, 10s, 500ms or 2m"
    number, unit = _amount(value, _SECONDS, example)
    if number * unit > _DAY:
        raise ValueError(f"must be {example}, at most one day")
    return number * unit


def some_seconds(value: Any) -> float:
    """Seconds, more than none: a timeout of zero would fail every call."""
    result = seconds(value)
    if math.isclose(result, 0.0):
        raise ValueError("must be more than zero")
    return result


def interval(value: Any) -> float:
    """Seconds between two rounds of the swarm's client. The Registry is told a third more, and takes 300 s at most."""
    result = seconds(value)
    if not _SHORTEST_INTERVAL <= result <= _LONGEST_INTERVAL:
        raise ValueError("must be a time from 100ms to 3m")
    return result


def usd(value: Any) -> int:
    """Nano-dollars, exactly: 10, 10.50, 0.000000001. More than none: a budget of zero would refuse every call."""
    reason = "must be an amount in US dollars such as 10 or 10.50, with at most nine decimals"
    if isinstance(value, bool | float):
        raise ValueError(reason)  # noqa: TRY004  pydantic reports a ValueError and lets a TypeError through
    try:
        nano = amounts.usd(f"{value:f}" if isinstance(value, Decimal) else str(value).strip())
    except ValueError:
        raise ValueError(reason) from None
    if nano == 0:
        raise ValueError("must be more than zero")
    return nano


def shown_usd(nano: int) -> str:
    """The amount as `usd` reads it, with two decimals at least: 10500000000 -> "10.50"."""
    return amounts.shown(nano).removeprefix("$")


def zone(value: Any) -> str:
    return grants.zone(str(value).strip())


def own_secret(value: Any) -> Secret:
    """A secret of the gateway's own: whoever has it makes keys and raises budgets, or another ledger that fits. It must not be guessed."""
    found = secret.read(str(value), "")
    if found.key is None or len(found.key.reveal()) < _SHORTEST_SECRET:
        raise ValueError(
            f"must be at least {_SHORTEST_SECRET} characters of visible ASCII; `openssl rand -hex 32` makes a good one"
        )
    return found.key


def webhook(value: Any) -> Secret:
    """An address that is posted to. Chat services put a token into theirs, so it is kept like a key."""
    text = str(value).strip()
    try:
        urls.posted(text)
    except urls.BadUrl as error:
        raise ValueError(str(error)) from None
    return Secret(text)


def signing_secret(value: Any) -> Secret:
    found = secret.read(str(value), "")
    if found.key is None or len(found.key.reveal()) < _SHORTEST_SIGNING_SECRET:
        raise ValueError(
            f"must be at least {_SHORTEST_SIGNING_SECRET} characters of visible ASCII; `openssl rand -hex 32` makes a good one"
        )
    return found.key


def percents(value: Any) -> tuple[int, ...]:
    """Whole percents, rising: 75, 90, 100."""
    members = value if isinstance(value, tuple) else _members(value)
    if not all(re.fullmatch(r"[0-9]{1,3}", str(member)) for member in members):
        raise ValueError("must be whole percents from 1 to 100, rising: 75, 90, 100")
    return grants.alerts(tuple(int(member) for member in members))


def port(value: Any) -> int:
    """0 is a free port of the system's choice."""
    text = str(value).strip()
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("must be a port: a whole number from 1 to 65535, or 0 for any free one")
    return int(text)


def host(value: Any) -> str:
    """A host name or address, without scheme, port and brackets."""
    bare = str(value).strip().lower().removeprefix("[").removesuffix("]")
    if not (_HOST_NAME.fullmatch(bare) or (":" in bare and _HOST_ADDRESS.fullmatch(bare))):
        raise ValueError("must be a host name or an address, without scheme and port")
    if ":" in bare and hosts_.address(bare) is None:
        raise ValueError("must be a host name or an address, without scheme and port")
    if ":" not in bare and bare.rpartition(".")[2].isdigit() and bare.count(".") != 3:
        raise ValueError("must be a host name or a whole address such as 127.0.0.1")
    return bare


def _members(value: Any) -> list[str]:
    """The members of a list: JSON, or words with commas between them."""
    if not isinstance(value, str):
        return [str(member) for member in value]
    if value.lstrip().startswith("["):
        try:
            found = wire.decode(value)
        except wire.InvalidJson as error:
            raise ValueError(f"must be a list, with commas or as JSON: {error}") from None
        if not all(isinstance(member, str) for member in found):
            raise ValueError("must be a list of texts")
        return [member.strip() for member in found if member.strip()]
    return [member.strip() for member in value.split(",") if member.strip()]


def hosts(value: Any) -> tuple[str, ...]:
    members = _members(value)
    if "*" in members:
        raise ValueError(
            "must name each host: * would open the door to any web page that rebinds its name to this machine"
        )
    return tuple(dict.fromkeys(host(member) for member in members))


def networks(value: Any) -> tuple[str, ...]:
    """Host names, addresses and networks: files.internal, 10.1.2.3, 10.0.0.0/8, fd00::/8."""
    members = [str(member).lower() for member in _members(value)]
    try:
        Allowed.of(members)
    except ValueError:
        raise ValueError(
            "must be host names, addresses or networks such as files.internal, 10.1.2.3, 10.0.0.0/8"
        ) from None
    return tuple(dict.fromkeys(members))


def origins(value: Any) -> tuple[str, ...]:
    """Origins as a browser writes them: https://app.example, http://localhost:3000."""
    return tuple(dict.fromkeys(_origin(member) for member in _members(value)))


def _origin(text: str) -> str:
    """As browsers write it: in lower case, without the scheme's own port."""
    if text in {"*", "null"}:
        raise ValueError(f"must name each origin: {text} would let any web page spend money")
    match = _ORIGIN.fullmatch(text.lower().rstrip("/"))
    if match is None:
        raise ValueError("must be origins such as https://app.example or http://localhost:3000, without a path")
    scheme, name, number = match.groups()
    return f"{scheme}://{name}" + (f":{number}" if number and number != _OWN_PORTS.get(scheme) else "")


def service(value: Any) -> str:
    """Where a service is: http://127.0.0.1:6103. As `origins` has it, but of http and https alone."""
    text = str(value).strip().lower().rstrip("/")
    match = _ORIGIN.fullmatch(text)
    if match is None or match[1] not in _OWN_PORTS or int(match[3] or 1) > _LAST_PORT:
        raise ValueError("must be an address such as http://127.0.0.1:6103, without a path")
    return text


def services(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(service(member) for member in _members(value)))


def models(value: Any) -> tuple[str, ...]:
    """Models by provider: openai/gpt-5.5, gemini/high."""
    members = _members(value)
    if not all(re.fullmatch(r"[!-~]+", member) and all(member.partition("/")) for member in members):
        raise ValueError('must be models such as openai/gpt-5.5 or gemini/high: "provider/model" or "provider/tier"')
    return tuple(dict.fromkeys(members))


def tenant(value: Any) -> str:
    return grants.tenant_id(str(value).strip())


def aliases(value: Any) -> dict[str, str]:
    """A JSON object: alias -> "provider/model" or "provider/tier"."""
    shape = 'must be a JSON object such as {"fast": "gemini/low", "best": "anthropic/claude-opus-5-5"}'
    try:
        found = wire.decode(value) if isinstance(value, str) else value
    except wire.InvalidJson as error:
        raise ValueError(f"{shape}: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(shape)  # noqa: TRY004  pydantic reports a ValueError and lets a TypeError through
    for alias, target in found.items():
        _check_alias(alias, target, shape)
    return found


def _check_alias(alias: str, target: Any, shape: str) -> None:
    if not isinstance(target, str) or not all(part.strip() for part in target.partition("/")):
        raise ValueError(f'{shape}; each target is "provider/model" or "provider/tier"')
    if alias in TIERS or not re.fullmatch(r"[!-~]+", alias):
        raise ValueError(f"{shape}; an alias is one word, and none of {', '.join(TIERS)}")


def choice(*words: str) -> Any:
    """A validator for one of a few words, in any case."""

    def read(value: Any) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return BeforeValidator(read)


def path(value: Any) -> Path:
    """A path; `~` is the home directory. Relative to the directory that the process was started in."""
    text = str(value).strip()
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("must be a path; the home directory that it names is not known") from None


Size = Annotated[int, BeforeValidator(size)]
Seconds = Annotated[float, BeforeValidator(seconds)]
SomeSeconds = Annotated[float, BeforeValidator(some_seconds)]
Usd = Annotated[int, BeforeValidator(usd)]
Zone = Annotated[str, BeforeValidator(zone)]
OwnSecret = Annotated[InstanceOf[Secret], BeforeValidator(own_secret)]
Webhook = Annotated[InstanceOf[Secret], BeforeValidator(webhook)]
SigningSecret = Annotated[InstanceOf[Secret], BeforeValidator(signing_secret)]
Percents = Annotated[tuple[int, ...], BeforeValidator(percents)]
Port = Annotated[int, BeforeValidator(port)]
Host = Annotated[str, BeforeValidator(host)]
Interval = Annotated[float, BeforeValidator(interval)]
Service = Annotated[str, BeforeValidator(service)]
Services = Annotated[tuple[str, ...], BeforeValidator(services)]
Models = Annotated[tuple[str, ...], BeforeValidator(models)]
Tenant = Annotated[str, BeforeValidator(tenant)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(hosts)]
Networks = Annotated[tuple[str, ...], BeforeValidator(networks)]
Origins = Annotated[tuple[str, ...], BeforeValidator(origins)]
Aliases = Annotated[dict[str, str], BeforeValidator(aliases)]
FilePath = Annotated[Path, BeforeValidator(path)]
