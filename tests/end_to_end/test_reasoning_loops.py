"""Tool loops with thinking on, as the official SDK runs them, on every cloud: reasoning state goes out in `reasoning_details` and comes
back to where it was made, unharmed; a client that drops it is served all the same.

The stand-ins stand behind windows, so that what reached the cloud is asserted and not only that it was content. Traps 22 and 23.
"""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from end_to_end.conftest import PROVIDERS
from end_to_end.witness import Exchange, Witnessed, witnessed
from polyglot_cloud import catalog
from polyglot_cloud.neutral import Need
from polyglot_cloud.rows import Model
from polyglot_cloud.sandbox import models

openai = pytest.importorskip("openai", reason="the OpenAI SDK is a development dependency")

STATES = ("signature", "encrypted_content", "thoughtSignature")
"""The members in which Anthropic, OpenAI and xAI, and Google keep reasoning state."""
DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""What Google documents for calls that have no signature (facts 3.2)."""
RESULTS = {"ls": "a.txt b.txt", "pwd": "/home/ada", "Paris": "18C and sunny", "Oslo": "5C and rain"}


def tool(name: str, description: str, parameter: str) -> Any:
    schema = {
        "type": "object",
        "properties": {parameter: {"type": "string"}},
        "required": [parameter],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [tool("bash", "Runs a command", "command"), tool("get_weather", "The weather of a city", "city")]

CASES = [
    ("openai", "gpt-6.2-sol"),
    ("openai", "gpt-5.5"),
    ("anthropic", "claude-sonnet-5-5"),  # thinking bound to its conversation
    ("anthropic", "claude-opus-4-6"),  # adaptive, words before a call
    ("anthropic", "claude-haiku-4-5-20251001"),  # a budget
    ("gemini", "gemini-3.8-flash"),
    ("gemini", "gemini-3.1-pro-preview"),  # calls without ids
    ("grok", "grok-4.7"),
    ("grok", "grok-4.6"),
]


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witnessed]:
    with witnessed(tmp_path_factory.mktemp("witness")) as running:
        yield running


@pytest.fixture(scope="module")
def clients(witness: Witnessed) -> Iterator[dict[str, Any]]:
    """One a provider: making one reads the machine's certificates."""
    made = {
        name: openai.OpenAI(base_url=witness.gateway.base_url(name), api_key="unused", max_retries=0, timeout=20)
        for name in PROVIDERS
    }
    yield made
    for client in made.values():
        client.close()


@dataclass
class Agent:
    """A client's loop. `keeps`: the assistant's messages go back as they came, else without their `reasoning_details`.

    The developer message is what leads Grok's calls to Responses, the one of its formats that has reasoning state.
    """

    client: Any
    model: str
    stream: bool = False
    keeps: bool = True
    asked: list[str] = field(default_factory=list)
    messages: list[Any] = field(default_factory=lambda: [{"role": "developer", "content": "Be brief."}])

    def step(self) -> Any:
        """One call; its message is in the history."""
        wanted: Any = {
            "model": self.model, "messages": self.messages, "tools": TOOLS, "reasoning_effort": "medium",
            "max_completion_tokens": 4000,
        }  # fmt: skip
        if self.stream:
            with self.client.chat.completions.stream(**wanted) as events:
                for _ in events:
                    pass
                choice = events.get_final_completion().choices[0]
        else:
            choice = self.client.chat.completions.create(**wanted).choices[0]
        assert choice.finish_reason == ("tool_calls" if choice.message.tool_calls else "stop")
        message = sendable(choice.message)
        if not self.keeps:
            message.pop("reasoning_details", None)
        self.messages.append(message)
        return message

    def answer_calls(self, message: Any) -> None:
        for call in message["tool_calls"]:
            (argument,) = json.loads(call["function"]["arguments"]).values()
            self.asked.append(argument)
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": RESULTS[argument]})

    def ask(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        for _ in range(5):
            message = self.step()
            if not message.get("tool_calls"):
                return str(message["content"])
            self.answer_calls(message)
        raise AssertionError("the loop did not end")


def sendable(message: Any) -> dict[str, Any]:
    """The message as a client keeps it: what the SDK adds for its own use (parsed arguments) left out."""
    dumped: dict[str, Any] = message.model_dump(exclude_none=True)
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {name: call["function"][name] for name in ("name", "arguments")},
        }
        for call in dumped.pop("tool_calls", [])
    ]
    kept = {name: dumped[name] for name in ("role", "content", "refusal", "reasoning_details") if name in dumped}
    return kept | ({"tool_calls": calls} if calls else {})


def states(value: Any) -> list[str]:
    """Every reasoning state in a JSON value, each once, in its order."""
    return list(dict.fromkeys(_states(value)))


def _states(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _states(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in STATES and isinstance(item, str) and item:
                yield item
            yield from _states(item)


def talk(agent: Agent) -> None:
    """Two steps one after the other, then two parallel calls, then a word without any: three turns in all."""
    told = agent.ask("Please do these.\nrun: ls\nrun: pwd")
    assert RESULTS["ls"] in told
    assert RESULTS["pwd"] in told
    told = agent.ask("What is the weather in Paris and Oslo?")
    assert RESULTS["Paris"] in told
    assert RESULTS["Oslo"] in told
    assert agent.asked == ["ls", "pwd", "Paris", "Oslo"]
    assert agent.ask("Thank you.")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("provider", "model"), CASES)
def test_a_client_that_hands_everything_back(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str, stream: bool
) -> None:
    before = witness.count(provider)
    agent = Agent(clients[provider], model, stream)
    talk(agent)
    seen = witness.since(provider, before)
    assert [exchange.status for exchange in seen] == [200] * 6
    made = states([exchange.events for exchange in seen[:-1]])
    assert len(made) == 5
    assert states(seen[-1].body) == made
    assert states(agent.messages[:-1]) == made


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("provider", "model"), CASES)
def test_a_client_that_drops_the_state(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str, stream: bool
) -> None:
    before = witness.count(provider)
    talk(Agent(clients[provider], model, stream, keeps=False))
    seen = witness.since(provider, before)
    assert [exchange.status for exchange in seen] == [200] * 6
    assert set(states([exchange.body for exchange in seen])) <= {DUMMY}


@pytest.mark.parametrize(("provider", "model"), CASES)
def test_a_client_that_drops_it_while_the_calls_run_and_keeps_it_later(
    clients: dict[str, Any], provider: str, model: str
) -> None:
    """Nothing before the state may have changed, and nothing has: the history is the same from one call to the next."""
    agent = Agent(clients[provider], model, keeps=False)
    agent.ask("Please do these.\nrun: ls\nrun: pwd")
    agent.keeps = True
    agent.ask("What is the weather in Paris and Oslo?")
    assert agent.ask("Thank you.")


@pytest.mark.parametrize(("provider", "model"), CASES)
def test_the_state_stands_where_it_stood(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str
) -> None:
    """What the model said in its first step is what the cloud is given back, in the same order."""
    before = witness.count(provider)
    agent = Agent(clients[provider], model)
    agent.ask("Please do these.\nrun: ls\nrun: pwd")
    first, second = witness.since(provider, before)[:2]
    assert returned(second) == said(first)


def said(exchange: Exchange) -> list[Any]:
    (reply,) = exchange.events
    if "candidates" in reply:  # thoughts without a signature need not come back, and do not
        return [part for part in reply["candidates"][0]["content"]["parts"] if not part.get("thought")]
    return [essence(block) for block in reply.get("content") or reply["output"]]


def returned(exchange: Exchange) -> list[Any]:
    body = exchange.body
    if "contents" in body:
        return [part for content in body["contents"] if content["role"] == "model" for part in content["parts"]]
    if "input" in body:
        return [
            essence(item) for item in body["input"] if item.get("type") in {"reasoning", "function_call", "message"}
        ]
    return [essence(block) for turn in body["messages"] if turn["role"] == "assistant" for block in turn["content"]]


def essence(block: Any) -> Any:
    """Without what is the vendor's own affair: of a call that is not stored its item id and status, of Anthropic's who called."""
    aside = {"caller"} if block["type"] == "reasoning" else {"caller", "status"}
    return {name: item for name, item in block.items() if name not in aside | ({"id"} if "call_id" in block else set())}


# --- what the clouds refuse ---


def altered(value: Any) -> Any:
    """The same value with a character of each reasoning state changed."""
    if isinstance(value, list):
        return [altered(item) for item in value]
    if isinstance(value, dict):
        return {name: flipped(item) if name in STATES and item else altered(item) for name, item in value.items()}
    return value


def flipped(state: str) -> str:
    at = len(state) // 2
    return state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :]


@pytest.mark.parametrize(("provider", "model"), CASES)
def test_altered_state_is_refused_by_the_cloud_and_the_client_is_told(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str
) -> None:
    agent = Agent(clients[provider], model)
    agent.messages.append({"role": "user", "content": "run: ls"})
    agent.answer_calls(agent.step())
    agent.messages = altered(agent.messages)
    with pytest.raises(openai.BadRequestError):
        agent.step()
    refused = witness.since(provider, 0)[-1]
    assert refused.status == 400
    assert states(refused.body) == states(agent.messages)


def without_state(value: Any) -> Any:
    if isinstance(value, list):
        return [without_state(item) for item in value]
    if isinstance(value, dict):
        return {name: without_state(item) for name, item in value.items() if name not in STATES}
    return value


def without_thinking(value: Any) -> Any:
    if isinstance(value, list):
        return [
            without_thinking(item) for item in value if not (isinstance(item, dict) and item.get("type") == "thinking")
        ]
    if isinstance(value, dict):
        return {name: without_thinking(item) if name != "thinking" else item for name, item in value.items()}
    return value


@pytest.mark.parametrize(
    ("provider", "model", "change", "words"),
    [
        ("openai", "gpt-6.2-sol", altered, "could not be verified"),
        ("openai", "gpt-6.2-sol", without_state, "Items are not persisted when `store` is set to false"),
        ("anthropic", "claude-sonnet-5-5", altered, "Invalid `signature`"),
        ("anthropic", "claude-sonnet-5-5", without_state, "signature: Field required"),
        ("anthropic", "claude-haiku-4-5-20251001", without_thinking, "must start with a thinking block"),
        ("gemini", "gemini-3.8-flash", altered, "thought signature"),
        ("gemini", "gemini-3.8-flash", without_state, "missing a thought_signature"),
        ("gemini", "gemini-3.1-pro-preview", without_state, "missing a thought_signature"),
        ("grok", "grok-4.7", altered, "Could not decrypt"),
    ],
)
def test_the_stand_in_would_have_refused_this_very_request(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str, change: Any, words: str
) -> None:
    """So that content is no accident: the request that was taken is refused once its state is altered or missing."""
    before = witness.count(provider)
    Agent(clients[provider], model).ask("run: ls")
    taken = witness.since(provider, before)[-1]
    asker = witness.windows[provider].asker
    path = taken.path.removeprefix(asker.base)
    assert asker.post(path, taken.body).status == 200
    refused = asker.post(path, change(taken.body))
    assert refused.status in {400, 404}
    assert words in refused.body.decode()


# --- elsewhere ---


@pytest.mark.parametrize("there", PROVIDERS)
@pytest.mark.parametrize("here", PROVIDERS)
def test_a_conversation_moves_to_another_cloud_and_back(
    witness: Witnessed, clients: dict[str, Any], here: str, there: str
) -> None:
    """State is for its own model alone; the other one sees the words and calls. Back home it is taken again."""
    at_home = {"openai": "gpt-6.2-sol", "anthropic": "claude-opus-4-6", "gemini": "gemini-4-argon", "grok": "grok-4.7"}
    abroad = {"openai": "gpt-6.1-sol", "anthropic": "claude-opus-5-5", "gemini": "gemini-3.8-flash", "grok": "grok-4.6"}
    agent = Agent(clients[here], at_home[here])
    agent.messages.append({"role": "user", "content": "run: ls"})
    agent.answer_calls(agent.step())  # the move happens in the middle of a loop
    mine = states(agent.messages)
    assert mine
    before = witness.count(there)
    agent.client, agent.model = clients[there], abroad[there]
    assert RESULTS["ls"] in agent.step()["content"]
    told = witness.since(there, before)
    assert [exchange.status for exchange in told] == [200]
    assert set(states(told[0].body)) <= {DUMMY}
    before = witness.count(here)
    agent.client, agent.model = clients[here], at_home[here]
    agent.ask("Thank you.")
    (back,) = witness.since(here, before)
    assert back.status == 200
    assert states(back.body) == mine


# --- every model ---


LOOP: frozenset[Need] = frozenset({"tools", "tools_with_effort", "developer_role"})
"""What this loop needs of a dialect: where Chat has it, a Chat client's bytes pass, and Chat has no reasoning state."""


def thinkers() -> list[tuple[str, str, bool]]:
    """The models of the catalog that reason and take tools and that the stand-ins have, one of each kind (all of them under another
    hypothesis profile than the quick one); and whether it gives state to this loop.
    """
    known: dict[str, Collection[str]] = {
        "openai": models.OPENAI,
        "anthropic": models.CLAUDE,
        "gemini": models.GEMINI,
        "grok": models.GROK,
    }
    found = [
        row
        for row in catalog.load().models(None, datetime.now(UTC).date())
        if row.id in known.get(row.provider, ())
        and "reasoning" in row.features
        and any("tools" in offer.needs for offer in row.offers)
    ]
    if os.environ.get("HYPOTHESIS_PROFILE", "quick") == "quick":
        found = list({repr((row.provider, row.offers, row.quirks)): row for row in found}.values())
    return [(row.provider, row.id, not (passes(row) or row.id.startswith("gemini-2.5"))) for row in found]


def passes(row: Model) -> bool:
    return any(offer.dialect == "openai_chat" and offer.needs >= LOOP for offer in row.offers)


def test_there_are_such_models_at_every_cloud() -> None:
    assert {provider for provider, _, state in thinkers() if state} == set(PROVIDERS)
    assert len(thinkers()) > 25


@pytest.mark.parametrize(("provider", "model", "state"), thinkers())
def test_every_model_that_thinks(
    witness: Witnessed, clients: dict[str, Any], provider: str, model: str, state: bool
) -> None:
    before = witness.count(provider)
    agent = Agent(clients[provider], model, stream=True)
    assert RESULTS["pwd"] in agent.ask("Please do these.\nrun: ls\nrun: pwd")
    seen = witness.since(provider, before)
    assert [exchange.status for exchange in seen] == [200] * 3
    made = states([exchange.events for exchange in seen[:-1]])
    assert states(seen[-1].body) == made
    assert len(made) == (2 if state else 0)
