"""Events as calendars take them: .ics files, and links for the calendars that live on the web."""

from digest.messages.calendar.entries import (
    Entry,
    Named,
    cancelled_entry,
    entries,
    entry_on,
    file_name,
    named,
)
from digest.messages.calendar.files import calendar_file, entries_file
from digest.messages.calendar.links import google_link, outlook_link

__all__ = [
    "Entry",
    "Named",
    "calendar_file",
    "cancelled_entry",
    "entries",
    "entries_file",
    "entry_on",
    "file_name",
    "google_link",
    "named",
    "outlook_link",
]
