"""What we chose to say, as we keep it: offers, editions and their items, placements, approved snapshots."""

from digest.editions.store.editions import (
    NoSuchEdition,
    by_number,
    by_slot,
    create,
    get,
    list_editions,
    lock,
    next_number,
    save,
)
from digest.editions.store.items import set_items
from digest.editions.store.linkchecks import link_checks, remember_links
from digest.editions.store.offers import (
    OPEN,
    ToCome,
    adopt,
    candidates,
    dismiss,
    ensure_publication,
    first_run_candidates,
    is_adopted,
    is_offered,
    lock_publication,
    offer,
    settle,
    to_come,
)
from digest.editions.store.placements import AlreadyPlaced, place, placed, release
from digest.editions.store.snapshots import save_snapshot, snapshot

__all__ = [
    "OPEN",
    "AlreadyPlaced",
    "NoSuchEdition",
    "ToCome",
    "adopt",
    "by_number",
    "by_slot",
    "candidates",
    "create",
    "dismiss",
    "ensure_publication",
    "first_run_candidates",
    "get",
    "is_adopted",
    "is_offered",
    "link_checks",
    "list_editions",
    "lock",
    "lock_publication",
    "next_number",
    "offer",
    "place",
    "placed",
    "release",
    "remember_links",
    "save",
    "save_snapshot",
    "set_items",
    "settle",
    "snapshot",
    "to_come",
]
