"""What can be done for and with subscribers. Every function takes the caller's session and commits nothing."""

from subscribers.service.choosing import choose
from subscribers.service.cleaning import clean_name, clean_topics, clean_word
from subscribers.service.joining import add
from subscribers.service.leaving import end, erase, suppress, unsubscribe
from subscribers.service.looking import addresses_of, find, show, subscription_of
from subscribers.service.publications import audience, audience_counts, recipients, rename_publication
from subscribers.service.refusals import Refused, UnknownSubscriber, why_refused, withdrawn

__all__ = [
    "Refused",
    "UnknownSubscriber",
    "add",
    "addresses_of",
    "audience",
    "audience_counts",
    "choose",
    "clean_name",
    "clean_topics",
    "clean_word",
    "end",
    "erase",
    "find",
    "recipients",
    "rename_publication",
    "show",
    "subscription_of",
    "suppress",
    "unsubscribe",
    "why_refused",
    "withdrawn",
]
