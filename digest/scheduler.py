"""The timetable: when the machine looks at the clock, and what it asks the database then.

Times only wake the jobs; each job asks the database what is due, so a tick may run twice, late, or after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from digest.database import DatabaseUnavailable
from digest.editions.cadence import Cadence
from digest.errors import DigestError
from digest.settings import Settings
from digest.workflows import close, collect, expire, join, launch, recheck, recover, refresh, tidy
from digest.workflows.outage import Outage
from digest.workflows.parts import Parts

log = structlog.get_logger()
Clock = Callable[[], datetime]
GRACE = timedelta(minutes=3)
Tick = Callable[[Parts, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the timetable: what it is called, when it wakes, and what it does then."""

    name: str
    trigger: BaseTrigger
    tick: Tick


def timetable(settings: Settings) -> list[Line]:
    """Every line there is. Cron lines wake at the minute staff were promised; the interval lines are the net."""
    lines = []
    for slug, publication in settings.publications.items():
        zone = ZoneInfo(publication.timezone)
        for what, text, tick in (
            ("cut-off", publication.cut_off, collect_and_close),
            ("send", publication.send, launch_due),
        ):
            # Day names, never numbers: APScheduler counts Monday as 0, crontab counts Sunday.
            trigger = CronTrigger(**Cadence.parse(text).cron_fields(), timezone=zone)
            lines.append(Line(name=f"{slug} {what}", trigger=trigger, tick=tick))
    return [
        *lines,
        Line(name="collect", trigger=IntervalTrigger(minutes=1), tick=collect_due),
        Line(name="reconcile", trigger=IntervalTrigger(minutes=1), tick=reconcile),
        Line(name="sign-ups", trigger=IntervalTrigger(minutes=5), tick=ask_again),
        Line(name="tidy sign-ups", trigger=IntervalTrigger(hours=1), tick=tidy_sign_ups),
    ]


def start(parts: Parts, *, clock: Clock) -> BackgroundScheduler:
    """A running scheduler for this process; stop it with `stop`.

    Missed ticks are coalesced into one and never dropped for lateness: whether it is too late to act is the
    publication's `lateness` to say, not the scheduler's.
    """
    scheduler = BackgroundScheduler(
        timezone=ZoneInfo("UTC"),
        executors={"default": ThreadPoolExecutor(4)},
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
    )
    outage = Outage()
    for line in timetable(parts.settings):
        told = (line, parts, clock, outage)
        scheduler.add_job(_guarded, line.trigger, args=told, id=line.name, name=line.name)
    scheduler.start()
    log.info("scheduler.started", lines=len(scheduler.get_jobs()))
    return scheduler


def stop(running: BackgroundScheduler) -> None:
    """Start no more ticks, and wait for those that run."""
    running.pause()
    running.shutdown(wait=True)
    log.info("scheduler.stopped")


def once(parts: Parts, *, now: datetime) -> None:
    """Do all that is due at `now`: collect, cut, launch, recover, and look after sign-ups."""
    collect_due(parts, now)
    reconcile(parts, now, grace=timedelta())
    tidy_sign_ups(parts, now)
    ask_again(parts, now)


def collect_due(parts: Parts, now: datetime) -> None:
    """Look at every source whose time has come."""
    asyncio.run(collect.collect(parts, publication=None, force=False, now=now))


def collect_and_close(parts: Parts, now: datetime) -> None:
    """At a cut-off: look at the sources once more, then cut what is due."""
    asyncio.run(collect.collect(parts, publication=None, force=True, now=now))
    close.close_due(parts, now=now)


def launch_due(parts: Parts, now: datetime) -> None:
    """At a send time: ask the site once more what is still there, then launch what is approved and due."""
    asyncio.run(recheck.recheck_due(parts, now=now))
    launch.launch_due(parts, now=now)


def reconcile(parts: Parts, now: datetime, *, grace: timedelta = GRACE) -> None:
    """Ask the database what should have happened by `now` and has not, and do it.

    A cut-off is left alone for `grace`, while its own line looks at the sources once more before it cuts.
    """
    close.close_due(parts, now=now - grace)
    refresh.refresh_due(parts, now=now)
    launch_due(parts, now)
    recover.recover(parts, now=now)
    expire.expire(parts, now=now)
    tidy.tidy(parts, now=now)


def ask_again(parts: Parts, now: datetime) -> None:
    """Remind those who signed up a day ago and have not confirmed."""
    join.remind(parts, now=now)


def tidy_sign_ups(parts: Parts, now: datetime) -> None:
    """Forget the sign-ups nobody confirmed, and what was kept of visitors for a time that is over."""
    join.tidy(parts, now=now)


def _guarded(line: Line, parts: Parts, clock: Clock, outage: Outage) -> None:
    """Run one tick; a failure is told and the next tick tries again, the other lines go on.

    That the database is gone, and back, is told once for all lines.
    """
    try:
        line.tick(parts, clock())
        outage.found()
    except DatabaseUnavailable as error:
        outage.lost(error)
    except DigestError as error:
        log.error("tick.failed", line=line.name, error=str(error))
    except Exception:
        log.exception("tick.failed", line=line.name)
