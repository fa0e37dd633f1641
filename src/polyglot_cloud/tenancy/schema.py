"""The tables of tenants and keys, in the till's database. Times are Unix microseconds; `grant_json` is what `grants.plain` gives.

No row is ever deleted: what the ledger names stays explained, and a key that was once known cannot come back under another name.
"""

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

metadata = MetaData()

tenants = Table(
    "tenants",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("parent", String),
    Column("grant_json", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("deleted_at", Integer),
)
keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("title", String, nullable=False),
    Column("grant_json", String, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer),
    Column("revoked_at", Integer),
    Column("imported", Integer, nullable=False),
)
key_hashes = Table(
    "key_hashes",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("key_id", String, ForeignKey("keys.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("until", Integer),
)
tenancy_audit = Table(
    "tenancy_audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("before", String),
    Column("after", String),
)

MIGRATION = (
    """CREATE TABLE tenants (
        id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, parent TEXT, grant_json TEXT NOT NULL,
        created_at INTEGER NOT NULL, deleted_at INTEGER
    ) STRICT""",
    """CREATE TABLE keys (
        id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, title TEXT NOT NULL, grant_json TEXT NOT NULL,
        created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER, imported INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE key_hashes (
        sha256 TEXT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys (id), number INTEGER NOT NULL, until INTEGER,
        UNIQUE (key_id, number)
    ) STRICT""",
    """CREATE TABLE tenancy_audit (
        seq INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
        "before" TEXT, "after" TEXT
    ) STRICT""",
    """CREATE TRIGGER tenancy_audit_stands BEFORE UPDATE ON tenancy_audit
        BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END""",
    """CREATE TRIGGER tenancy_audit_stays BEFORE DELETE ON tenancy_audit
        BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END""",
)
"""The statements that make the tables, as one migration. The number of the last audit row is the number of the last change."""
