from itertools import product

import pytest

from digest.deliveries.model import TRANSITIONS, UNSETTLED, Delivery, DeliveryState
from digest.errors import BadMove

S = DeliveryState
ALLOWED = {
    S.PENDING: {S.CLAIMED, S.SKIPPED, S.FAILED},
    S.CLAIMED: {S.PENDING, S.SENDING, S.SKIPPED, S.REFUSED, S.FAILED},
    S.SENDING: {S.ACCEPTED, S.PENDING, S.REFUSED, S.FAILED, S.UNCERTAIN},
    S.ACCEPTED: {S.BOUNCED, S.COMPLAINED},
    S.UNCERTAIN: {S.ACCEPTED, S.PENDING, S.BOUNCED, S.COMPLAINED},
    S.BOUNCED: {S.COMPLAINED},
}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_move_is_either_in_the_table_or_refused(before, after):
    delivery = Delivery(edition_id=12, position=3, subscriber_id=7, state=before)
    if after in ALLOWED.get(before, set()):
        assert delivery.move_to(after) is after
        return
    with pytest.raises(BadMove, match=f"Delivery 12/3 is {before}; it cannot become {after}"):
        delivery.move_to(after)


def test_nothing_is_accepted_that_was_not_marked_first():
    assert {before for before, after in TRANSITIONS.items() if S.ACCEPTED in after} == {
        S.SENDING,
        S.UNCERTAIN,
    }


def test_what_is_settled_only_a_person_or_a_report_can_move():
    machine = {S.CLAIMED, S.SENDING, S.SKIPPED, S.REFUSED, S.FAILED, S.UNCERTAIN}
    assert not any(TRANSITIONS[state] & machine for state in S if state not in UNSETTLED)
