"""The administration of a real process: its listener, the first key, and an address that others reach once there is one."""

from pathlib import Path

import httpx

from end_to_end.conftest import Gateway, free_ports, start, stop

KEY = "0123456789abcdef" * 2
CHAT = {"messages": [{"role": "user", "content": "hello"}]}


class Admin:
    def __init__(self, folder: Path, **more: str) -> None:
        (self.port,) = free_ports(1)
        given = {"POLYGLOT_ADMIN_KEY": KEY, "POLYGLOT_ADMIN_PORT": str(self.port), **more}
        self.gateway: Gateway = start(folder, "--sandbox", environ=given)

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}/admin{path}"
        return httpx.request(method, url, json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=20)

    def chat(self, provider: str, key: str | None) -> int:
        headers = {"x-api-key": key} if key else {}
        url = f"{self.gateway.base_url(provider)}/chat/completions"
        return httpx.post(url, json=CHAT, headers=headers, timeout=20).status_code


def test_the_first_key_locks_the_gateway_and_opens_other_addresses(tmp_path: Path) -> None:
    admin = Admin(tmp_path)
    assert admin.chat("openai", None) == 200
    assert (
        admin.ask("POST", "/tenants", {"id": "acme", "budgets": [{"period": "day", "limit_usd": "100"}]}).status_code
        == 201
    )
    secret = admin.ask("POST", "/keys", {"tenant": "acme"}).json()["secret"]
    assert [admin.chat(provider, None) for provider in admin.gateway.ports] == [401] * 4
    assert [admin.chat(provider, secret) for provider in admin.gateway.ports] == [200] * 4
    (row,) = admin.ask("GET", "/budgets").json()["data"]
    assert (row["budget"], row["limit_usd"]) == ("tenant:acme/day", "100.00")
    assert float(row["spent_usd"]) > 0
    assert [row["what"] for row in admin.ask("GET", "/audit").json()["data"]] == ["key created", "tenant created"]
    assert stop(admin.gateway) == 0

    admin = Admin(tmp_path, POLYGLOT_HOST="0.0.0.0", POLYGLOT_ALLOWED_HOSTS="gateway.lan")
    assert [admin.chat("openai", key) for key in (None, secret)] == [401, 200]
    elsewhere = httpx.get(
        f"{admin.gateway.root('openai')}/v1/models", headers={"host": "gateway.lan", "x-api-key": secret}
    )
    assert elsewhere.status_code == 200
    assert admin.ask("GET", "/unknown").json() == {"data": []}
    assert stop(admin.gateway) == 0
