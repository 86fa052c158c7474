"""The engine's tables, in a schema of their own, on PostgreSQL: there several machines may share the work."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SCHEMA = "digest_engine"
_TABLES = Path(__file__).parents[1] / "procrastinate.sql"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"CREATE SCHEMA {_SCHEMA}")
    op.execute(f"SET LOCAL search_path TO {_SCHEMA}")
    # Many statements at once, with percent signs of their own: for the driver as they are.
    op.get_bind().connection.cursor().execute(_TABLES.read_bytes())
    op.execute("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP SCHEMA {_SCHEMA} CASCADE")
