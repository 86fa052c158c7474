"""The ledger's SQL: freeze an audience, lease and claim its chunks, mark, settle, recover, count; the limits' use."""

from digest.deliveries.store.fence import arm, armed
from digest.deliveries.store.freezing import CHUNK, audience, freeze, keep_audience
from digest.deliveries.store.handing import free_again, free_chunks, kept_by
from digest.deliveries.store.having import due, latest_had
from digest.deliveries.store.leasing import LeaseLost, chunks, claim, is_due, lease, recover, release, renew
from digest.deliveries.store.notices import due_notices, enqueue_notice, forget_notices, settle_notice, told
from digest.deliveries.store.rates import (
    BackOff,
    back_off,
    back_offs,
    forget_books,
    keep_books,
    open_books,
)
from digest.deliveries.store.reading import attempts, counts, delivery, listed, unsettled
from digest.deliveries.store.settling import LOST_LEASE, fail_pending, mark_sending, resolve, settle
from digest.deliveries.store.turning import Turned, Turns, turns

__all__ = [
    "CHUNK",
    "LOST_LEASE",
    "BackOff",
    "LeaseLost",
    "Turned",
    "Turns",
    "arm",
    "armed",
    "attempts",
    "audience",
    "back_off",
    "back_offs",
    "chunks",
    "claim",
    "counts",
    "delivery",
    "due",
    "due_notices",
    "enqueue_notice",
    "fail_pending",
    "forget_books",
    "forget_notices",
    "free_again",
    "free_chunks",
    "freeze",
    "is_due",
    "keep_audience",
    "keep_books",
    "kept_by",
    "latest_had",
    "lease",
    "listed",
    "mark_sending",
    "open_books",
    "recover",
    "release",
    "renew",
    "resolve",
    "settle",
    "settle_notice",
    "told",
    "turns",
    "unsettled",
]
