"""The timetable wakes at the minutes that were promised, and a tick that fails stops no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from digest import scheduler
from digest.database import Database
from digest.errors import DigestError
from digest.settings import Settings
from digest.workflows.parts import Parts
from tests.web import PUBLICATION, SECRET, parts


def settings(**changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "site": {"base_url": "https://news.example.org", "secret": SECRET},
            "publications": {"weekly": PUBLICATION | changes},
        }
    )


def next_ticks(name: str, after: datetime, count: int, **changes: Any) -> list[datetime]:
    (line,) = [line for line in scheduler.timetable(settings(**changes)) if line.name == name]
    found: list[datetime] = []
    previous: datetime | None = None
    for _ in range(count):
        previous = line.trigger.get_next_fire_time(previous, max(after, previous or after))
        assert previous is not None
        found.append(previous)
    return found


def test_every_publication_wakes_at_its_cut_off_and_send_and_the_net_wakes_each_minute() -> None:
    assert [line.name for line in scheduler.timetable(settings())] == [
        "weekly cut-off",
        "weekly send",
        "collect",
        "reconcile",
        "sign-ups",
        "tidy sign-ups",
    ]
    after = datetime(2026, 11, 15, tzinfo=UTC)
    assert next_ticks("weekly cut-off", after, 1)[0].astimezone(UTC) == datetime(2026, 11, 18, 15, tzinfo=UTC)
    assert next_ticks("weekly send", after, 1)[0].astimezone(UTC) == datetime(2026, 11, 19, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "weekday"),
    [("0 9 * * 1", "Monday"), ("0 9 * * 0", "Sunday"), ("0 9 * * 7", "Sunday"), ("0 9 * * 5", "Friday")],
)
def test_numbers_of_weekdays_mean_what_they_mean_in_a_crontab(expression: str, weekday: str) -> None:
    (tick,) = next_ticks("weekly send", datetime(2026, 11, 15, 12, tzinfo=UTC), 1, send=expression)
    assert f"{tick:%A}" == weekday


def test_the_wall_clock_time_stays_over_the_change_of_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    after = datetime(2026, 10, 20, tzinfo=UTC)
    ticks = next_ticks("weekly send", after, 3, send="thu 09:00", timezone="Europe/Berlin")
    assert [f"{t.astimezone(berlin):%d %b %H:%M}" for t in ticks] == [
        "22 Oct 09:00",
        "29 Oct 09:00",
        "05 Nov 09:00",
    ]
    assert [t.astimezone(UTC).hour for t in ticks] == [7, 8, 8]


def test_a_line_that_fails_is_told_and_the_others_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 19, 9, tzinfo=UTC)
    reconciled, failed = threading.Event(), threading.Event()
    heard: list[datetime] = []

    def trouble(_parts: Parts, _now: datetime) -> None:
        failed.set()
        raise DigestError("The site is on fire.")

    def fine(_parts: Parts, at: datetime) -> None:
        heard.append(at)
        reconciled.set()

    monkeypatch.setattr(scheduler, "collect_due", trouble)
    monkeypatch.setattr(scheduler, "reconcile", fine)
    with capture_logs() as said:
        running = scheduler.start(parts(database), clock=lambda: now)
        try:
            for name in ("collect", "reconcile"):
                running.modify_job(name, next_run_time=datetime.now(UTC))
            assert failed.wait(10)
            assert reconciled.wait(10)
        finally:
            running.pause()
            running.shutdown(wait=True)
    assert heard == [now], "a tick asks the clock it was given"
    assert {
        "event": "tick.failed",
        "line": "collect",
        "error": "The site is on fire.",
        "log_level": "error",
    } in said


def test_a_tick_that_was_missed_is_caught_up_on_once(database: Database) -> None:
    running = scheduler.start(parts(database), clock=lambda: datetime(2026, 11, 19, 9, tzinfo=UTC))
    try:
        jobs = running.get_jobs()
        assert {job.id for job in jobs} == {
            "weekly cut-off",
            "weekly send",
            "events cut-off",
            "events send",
            "collect",
            "reconcile",
            "sign-ups",
            "tidy sign-ups",
        }
        assert all(job.coalesce and job.misfire_grace_time is None and job.max_instances == 1 for job in jobs)
    finally:
        running.pause()
        running.shutdown(wait=True)


def test_what_is_due_is_done_once_on_demand(database: Database) -> None:
    done: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_args, **_more: done.append(name)

    patch = pytest.MonkeyPatch()
    patch.setattr(scheduler, "collect_due", note("collect"))
    patch.setattr(scheduler, "reconcile", note("reconcile"))
    scheduler.once(parts(database), now=datetime(2026, 11, 19, 9, tzinfo=UTC))
    patch.undo()
    assert done == ["collect", "reconcile"]
