"""What can be done for and with subscribers. Every function takes the caller's session and commits nothing."""

from subscribers.service.choosing import choose
from subscribers.service.cleaning import clean_name, clean_topics, clean_word
from subscribers.service.joining import add
from subscribers.service.leaving import end, erase, suppress, unsubscribe
from subscribers.service.limits import Limit, close_doors, doors_closed_at, open_doors, take, tidy_limits
from subscribers.service.looking import addresses_of, find, show, subscription_of
from subscribers.service.moving import confirm_move, forget_moves, look_at_move, request_move, undo_move
from subscribers.service.portrait import is_address_of, portrait
from subscribers.service.publications import (
    audience,
    audience_by_frequency,
    audience_counts,
    recipients,
    rename_publication,
)
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
from subscribers.service.returning import can_return, come_back, explain_leaving, join, speak

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
    "audience_by_frequency",
    "audience_counts",
    "can_return",
    "choose",
    "clean_name",
    "clean_topics",
    "clean_word",
    "close_doors",
    "come_back",
    "confirm",
    "confirm_move",
    "doors_closed_at",
    "end",
    "erase",
    "expire_requests",
    "explain_leaving",
    "find",
    "forget_ips",
    "forget_moves",
    "is_address_of",
    "join",
    "look_at_move",
    "mails_due",
    "open_doors",
    "pending",
    "portrait",
    "recipients",
    "rename_publication",
    "request",
    "request_move",
    "show",
    "speak",
    "subscription_of",
    "suppress",
    "take",
    "tidy_limits",
    "undo_move",
    "unsubscribe",
    "why_refused",
    "withdrawn",
]
