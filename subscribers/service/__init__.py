"""What can be done for and with subscribers. Every function takes the caller's session and commits nothing."""

from subscribers.service.choosing import choose
from subscribers.service.cleaning import clean_name, clean_topics, clean_word
from subscribers.service.joining import add
from subscribers.service.leaving import end, erase, suppress, unsubscribe
from subscribers.service.limits import Limit, close_doors, doors_closed_at, open_doors, take, tidy_limits
from subscribers.service.looking import addresses_of, find, show, subscription_of
from subscribers.service.publications import audience, audience_counts, recipients, rename_publication
from subscribers.service.refusals import Refused, UnknownSubscriber, why_refused, withdrawn
from subscribers.service.requesting import (
    Answer,
    DueMail,
    Pending,
    Requested,
    Standing,
    confirm,
    expire_requests,
    forget_ips,
    mails_due,
    pending,
    request,
)

__all__ = [
    "Answer",
    "DueMail",
    "Limit",
    "Pending",
    "Refused",
    "Requested",
    "Standing",
    "UnknownSubscriber",
    "add",
    "addresses_of",
    "audience",
    "audience_counts",
    "choose",
    "clean_name",
    "clean_topics",
    "clean_word",
    "close_doors",
    "confirm",
    "doors_closed_at",
    "end",
    "erase",
    "expire_requests",
    "find",
    "forget_ips",
    "mails_due",
    "open_doors",
    "pending",
    "recipients",
    "rename_publication",
    "request",
    "show",
    "subscription_of",
    "suppress",
    "take",
    "tidy_limits",
    "unsubscribe",
    "why_refused",
    "withdrawn",
]
