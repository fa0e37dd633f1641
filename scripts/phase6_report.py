"""What start_phase6_cloud_providers.sh waits for and prints: asks every listener that the gateway named at its start for /health, and
tells how they and the swarm's services stand. Exit status 0: whoever has a key is healthy and registered. Standard library only.
"""

import json
import re
import sys
import urllib.request
from typing import Any

LISTENER = re.compile(r"^  (\S+) +(http://\S+)/v1(?: |$)", re.MULTILINE)
TITLES = {"router": "Provider Router", "gateway": "Gateway", "registry": "Agent Registry", "events": "Event Stream"}
WHO = {"ours": "served here", "external": "the swarm's own", "squatter": "left alone", "down": "nobody there"}
UNDECIDED = ("starting", "waiting")


def health(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/health", timeout=3) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def registered(swarm: dict[str, Any], service: str, provider: str) -> int:
    return sum(name.startswith(f"{provider}-") for name in swarm.get(service, {}).get("registered", ()))


def main() -> int:
    listeners = LISTENER.findall(sys.stdin.read())
    lines, notes, swarm, ready = [("PROVIDER", "URL", "HEALTH", "MODEL", "REGISTERED")], [], {}, bool(listeners)
    for name, url in listeners:
        found = health(url)
        if found is None:
            lines.append((name, url, "no answer", "", ""))
            ready = False
            continue
        swarm = found.get("swarm", {})
        models = registered(swarm, "router", name)
        lines.append(
            (name, url, str(found.get("status")), str(found.get("model")), f"{models} models" if models else "no")
        )
        notes += [f"{name}: {problem}" for problem in found.get("problems", ())]
        if found.get("status") == "healthy":
            ready = ready and is_announced(swarm, name)
    told = [(TITLES[name], str(each.get("url")), who(each), "", "") for name, each in swarm.items() if name in TITLES]
    ready = ready and not any(each.get("state") in UNDECIDED for name, each in swarm.items() if name in TITLES)
    widths = [max(len(line[at]) for line in (*lines, *told)) for at in range(5)]
    for line in (*lines, *told):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for note in notes:
        print(f"  {note}")
    return 0 if ready else 1


def is_announced(swarm: dict[str, Any], provider: str) -> bool:
    """With the Router and the Registry, as far as somebody serves them: under off, or before a stranger, nobody can be."""
    return all(
        registered(swarm, service, provider) or swarm.get(service, {}).get("state") in {None, "off", "squatter"}
        for service in ("router", "registry")
    )


def who(service: dict[str, Any]) -> str:
    state = str(service.get("state"))
    detail = service.get("detail")
    return WHO.get(state, state) + (f": {detail}" if detail else "")


if __name__ == "__main__":
    sys.exit(main())
