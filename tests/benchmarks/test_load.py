from benchmarks.load import Client, Rate, Results, request


class Asked(Client):
    """A connection without a socket: keeps when its calls were due."""

    def __init__(self) -> None:
        super().__init__(Results(), lambda _: None)
        self.due: list[float] = []

    def ask(self, request: bytes, due: float) -> None:
        self.due.append(due)


async def test_a_rate_counts_from_when_a_call_was_due_and_not_from_when_a_connection_was_free() -> None:
    rate, client = Rate(b"", rate=1000), Asked()
    rate._due.extend([1.0, 2.0, 3.0])  # they fell due while the only connection waited for an answer
    assert rate.waiting == 3
    rate.idle(client)
    rate.idle(client)
    assert client.due == [1.0, 2.0]
    assert rate.waiting == 1


def test_a_request_has_the_length_of_its_body() -> None:
    asked = request(8100, "/v1/messages", ["authorization: Bearer x"], b"{}")
    head, _, body = asked.partition(b"\r\n\r\n")
    assert b"content-length: 2" in head.split(b"\r\n")
    assert body == b"{}"
