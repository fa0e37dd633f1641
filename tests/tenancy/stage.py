"""A store in a folder of the test's own, with a clock that stands until it is moved."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, event

from polyglot_cloud.asgi import Headers
from polyglot_cloud.errors import Unauthorized
from polyglot_cloud.tenancy import Declared, Directory, Principal, Store, Vendors, connect

BY = "cli ada@box"
SECOND = 1_000_000
START = 1_795_000_000 * SECOND


@dataclass
class Clock:
    at: int = START

    def __call__(self) -> int:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


@dataclass
class Stage:
    folder: Path
    declared: Declared = field(default_factory=Declared)
    vendors: Vendors = field(default_factory=Vendors)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.engine: Engine = self._connect()
        self.store = Store(self.engine, clock=self.clock, declared=self.declared)
        self.directory = Directory(self.declared, clock=self.clock, vendors=self.vendors)

    def another(self) -> Store:
        """The store as another process has it."""
        return Store(self._connect(), clock=self.clock, declared=self.declared)

    def _connect(self) -> Engine:
        """Without the waits for the disk: no test takes the power away."""
        engine = connect(self.folder / "data" / "till.sqlite3")
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        engine.dispose()
        return engine

    def identify(self, secret: str) -> Principal | None:
        self.directory.take(self.store.read())
        return self.directory.identify(bearer(secret))

    def refusal(self, secret: str) -> Unauthorized | None:
        try:
            self.identify(secret)
        except Unauthorized as error:
            return error
        return None

    def close(self) -> None:
        self.engine.dispose()


def bearer(secret: str) -> Headers:
    return [(b"host", b"localhost"), (b"authorization", b"Bearer " + secret.encode())]
