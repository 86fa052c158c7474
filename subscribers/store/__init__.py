"""The SQL of this package: short statements on the caller's session, plain models out."""

from subscribers.store.lists import ensure_list, ensure_wording, find_list, list_slug, rename_list
from subscribers.store.people import (
    Known,
    NewPerson,
    Person,
    insert_people,
    known_by_key,
    people_by_id,
    person,
    person_by_key,
    update_person,
)
from subscribers.store.readers import audience, audience_groups, history
from subscribers.store.statements import is_sqlite
from subscribers.store.subscriptions import (
    NewSubscription,
    Past,
    confirm,
    end_open,
    forget_details,
    insert_subscriptions,
    pasts_of,
    subscriptions_of,
    update_open,
)
from subscribers.store.suppressions import (
    any_suppressed,
    insert_suppressions,
    suppressed_hashes,
    suppressions,
)

__all__ = [
    "Known",
    "NewPerson",
    "NewSubscription",
    "Past",
    "Person",
    "any_suppressed",
    "audience",
    "audience_groups",
    "confirm",
    "end_open",
    "ensure_list",
    "ensure_wording",
    "find_list",
    "forget_details",
    "history",
    "insert_people",
    "insert_subscriptions",
    "insert_suppressions",
    "is_sqlite",
    "known_by_key",
    "list_slug",
    "pasts_of",
    "people_by_id",
    "person",
    "person_by_key",
    "rename_list",
    "subscriptions_of",
    "suppressed_hashes",
    "suppressions",
    "update_open",
    "update_person",
]
