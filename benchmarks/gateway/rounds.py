"""Runs the scenarios. Subjects take turns, round by round, so that a slow minute of the machine meets all alike; of each figure the best
of the rounds counts. A subject that fails a scenario is told of, and the others go on.
"""

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.figures import Figures
from benchmarks.gateway.scenarios import PACED, SHORT_OF_PACED, Scenario, body
from benchmarks.gateway.subjects import Launch, Subject
from benchmarks.gateway.tools import Door, Tools, Upstream, certificate, own_upstream
from benchmarks.processes import MEASURED_CORE, asked, others_on, running

Cell = tuple[str, Scenario]


@dataclass(slots=True)
class Found:
    """What was measured, by subject and scenario. `events` is how many events one paced stream has, `connections` how many an upstream
    took for how many requests, `others` what share of the measured core was taken by others.
    """

    figures: dict[Cell, Figures] = field(default_factory=dict)
    events: dict[Cell, int] = field(default_factory=dict)
    connections: dict[Cell, tuple[int, int]] = field(default_factory=dict)
    others: dict[Cell, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, cell: Cell, figures: Figures) -> None:
        known = self.figures.get(cell)
        self.figures[cell] = known.with_the_better_of(figures) if known else figures

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: `seconds` for each cell of each round."""

    tools: Tools
    seconds: float
    rounds: int

    def measure(self, subjects: Iterable[Subject], scenarios: Iterable[Scenario]) -> Found:
        found, chosen, subjects = Found(), list(scenarios), list(subjects)
        with self._upstreams({scenario.where for scenario in chosen}, found) as upstreams:
            for number in range(self.rounds):
                for subject in subjects:
                    for where, upstream in upstreams.items():
                        told = f"round {number + 1}: {subject.name}"
                        print(told, f"({where})", file=sys.stderr, flush=True)
                        here = [scenario for scenario in chosen if scenario.where == where]
                        self._turn(subject, upstream, here, found)
        return found

    @contextmanager
    def _upstreams(self, wanted: set[str], found: Found) -> Iterator[Mapping[str, Upstream]]:
        with ExitStack() as stack:
            upstreams: dict[str, Upstream] = {}
            if "tools" in wanted:
                upstreams["tools"] = stack.enter_context(self.tools.upstream())
            if "own" in wanted:
                upstreams["own"] = stack.enter_context(own_upstream())
            if "tls" in wanted:
                made = stack.enter_context(certificate())
                if made:
                    upstreams["tls"] = stack.enter_context(own_upstream(*made))
                else:
                    found.remark("TLS was not measured: there is no `openssl` command to make a certificate with.")
            yield upstreams

    def _turn(self, subject: Subject, upstream: Upstream, scenarios: list[Scenario], found: Found) -> None:
        launch = subject.launch(upstream)
        if not launch.command:
            if upstream.authority is None:  # the load generators do not speak TLS
                self._scenarios(subject, launch, upstream, scenarios, found, None)
            return
        with running(launch.command, launch.environment, launch.port, MEASURED_CORE) as pid:
            self._scenarios(subject, launch, upstream, scenarios, found, pid)

    def _scenarios(
        self,
        subject: Subject,
        launch: Launch,
        upstream: Upstream,
        scenarios: list[Scenario],
        found: Found,
        pid: int | None,
    ) -> None:
        for scenario in scenarios:
            cell = subject.name, scenario
            try:
                self._cell(cell, launch.doors[scenario.door], upstream, found, pid)
            except (OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
                found.remark(f"{subject.name}, {scenario.name}: not measured: {type(error).__name__}: {error}")

    def _cell(self, cell: Cell, door: Door, upstream: Upstream, found: Found, pid: int | None) -> None:
        subject, scenario = cell
        if reason := self._refusal(scenario, door, cell, found):
            found.remark(f"{subject}, {scenario.name}: not measured: {reason}")
            return
        counted = scenario.where != "tools"
        before = counts(upstream) if counted else (0, 0)
        with others_on(MEASURED_CORE, pid) as others:
            figures = self.tools.measure(door, scenario.body(door), scenario.load, self.seconds, pid)
            if pid is not None:
                found.others[cell] = min(others(), found.others.get(cell, 1.0))
        found.add(cell, figures)
        if counted:
            after = counts(upstream)
            found.connections[cell] = after[0] - before[0] - 1, after[1] - before[1]
        if figures.failed:
            found.remark(f"{subject}, {scenario.name}: calls failed.")

    @staticmethod
    def _refusal(scenario: Scenario, door: Door, cell: Cell, found: Found) -> str | None:
        """One call of the kind, to see that it is answered, and how many events its stream has."""
        model = SHORT_OF_PACED if scenario.model == PACED else scenario.model
        question = body(door.model + model, stream=scenario.stream)
        status, answer = asked(door.port, "POST", door.path, question, door.headers)
        found.events[cell] = answer.count(b"data:")
        if status != 200 or (scenario.stream and not found.events[cell]):
            return f"it answers with {status}: {answer[:200].decode('utf-8', 'replace')}"
        return None


def counts(upstream: Upstream) -> tuple[int, int]:
    """Connections and requests that an upstream of ours has seen. Our own question opens one more connection."""
    tls = ssl.create_default_context(cafile=str(upstream.authority)) if upstream.authority else None
    told = json.loads(asked(upstream.port, "GET", "/counts", tls=tls)[1])
    return told["connections"], told.get("requests", 0)
