"""The limits on sending, on a simulated clock: exact times, and no window that ever holds more than its limit."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.deliveries.allowlist import permits
from digest.deliveries.pace import DAY, Book, Grant, Hand, Pace, Rate, Window

START = 1_795_392_000.0  # 2026-11-23 00:00:00 UTC
MINUTE = Window(limit=6, seconds=60.0, grain=1.0)


def sent(limit, times, *, clock=START, want=4, book=None):
    """When each of the first `times` messages goes, in seconds after `clock`, for a worker that never tires."""
    hand, book, began, at = Hand(), book or Book(), clock, []
    while len(at) < times:
        wait = hand.look(clock, clock)
        if wait is None:
            book, grant = limit.take(book, want, clock)
            hand.fill(grant, clock)
        elif wait:
            clock += wait
        else:
            hand.take()
            at.append(round(clock - began, 4))
    return at


def most_in_any(seconds, times):
    """The most that any window of this length holds, both ends counted but for a hair."""
    times = sorted(times)
    return max(sum(1 for t in times if first <= t < first + seconds - 1e-3) for first in times)


def test_a_rate_spaces_messages_evenly():
    assert sent(Rate(per_second=5), 6) == [0.0, 0.21, 0.42, 0.63, 0.84, 1.05]


def test_less_than_one_a_second_is_possible():
    assert sent(Rate(per_second=0.5), 4) == [0.0, 2.05, 4.1, 6.15]


def test_a_minute_takes_its_messages_at_once_and_the_next_ones_a_minute_after():
    assert sent(MINUTE, 14) == [0.0] * 6 + [61.0] * 6 + [122.0] * 2


def test_a_day_goes_on_a_day_and_a_minute_later():
    assert sent(Window(limit=3, seconds=DAY, grain=60.0), 7) == [0.0] * 3 + [86_460.0] * 3 + [172_920.0]


def test_what_is_taken_leaves_half_for_others():
    window, book, shares = Window(limit=10, seconds=60.0, grain=1.0), Book(), []
    while (taken := window.take(book, 100, START))[1].count:
        book = taken[0]
        shares.append(taken[1].count)
    assert shares == [5, 3, 1, 1]
    assert taken[1].wait == 61.0


def test_what_is_given_back_is_free_again_and_never_more_than_that():
    book, grant = MINUTE.take(Book(), 4, START)
    assert grant.count == 3
    assert MINUTE.give_back(book, grant.first + grant.good_for, 2).used == ((START + 1, 1),)
    assert MINUTE.give_back(book, grant.first + grant.good_for, 3).used == ()
    assert MINUTE.give_back(book, START + 600, 3) == book


def test_a_lower_limit_counts_what_went_under_the_higher_one():
    book, _ = replace(MINUTE, limit=20).take(Book(), 20, START)
    _, grant = MINUTE.take(book, 1, START + 30)
    assert (grant.count, grant.wait) == (0, 31.0)
    book, grant = replace(MINUTE, limit=11).take(book, 9, START + 30)
    assert grant.count == 1


def test_a_faster_rate_does_not_wait_for_the_slow_one_that_went_before():
    book, _ = Rate(per_second=0.01).take(Book(), 1, START)
    book, grant = Rate(per_second=100).take(book, 1, START)
    assert grant.count == 1
    assert grant.first - START == pytest.approx(1.0, abs=0.01)


def test_a_clock_set_back_an_hour_waits_no_longer_than_the_limit_itself():
    rate, _ = Rate(per_second=10).take(Book(), 10, START)
    _, grant = Rate(per_second=10).take(rate, 10, START - 3_600)
    assert grant.first == START - 3_599
    book = Book(used=((START + 1, 6),))
    _, grant = MINUTE.take(book, 1, START - 3_600)
    assert (grant.count, grant.wait) == (0, 61.0)


def test_leave_taken_before_the_clock_went_back_is_not_used_after():
    hand = Hand()
    _, grant = MINUTE.take(Book(), 6, START)
    hand.fill(grant, 0.0)
    assert hand.look(START, 0.0) == 0
    assert hand.look(START - 0.5, 0.5) is None


def test_leave_that_was_not_used_in_time_is_over():
    hand = Hand()
    _, grant = MINUTE.take(Book(), 6, START)
    hand.fill(grant, 0.0)
    assert hand.look(START + 1, 1.0) is None
    first, left = hand.left(1.0)
    assert left == 3
    assert first == pytest.approx(START + 1, abs=1e-4)
    _, grant = Rate(per_second=10).take(Book(), 3, START)
    hand.fill(grant, 0.0)
    assert hand.look(START + 0.06, 0.06) == pytest.approx(0.045, abs=1e-4)


def test_a_refusal_is_asked_about_again_within_a_minute():
    hand = Hand()
    hand.fill(Grant(count=0, taken_at=START, wait=DAY), 0.0)
    assert hand.look(START + 59, 59.0) == DAY - 59
    assert hand.look(START + 60, 60.0) is None


def test_a_warm_up_grows_by_an_equal_factor_each_day():
    pace = Pace(per_day=20_000, warm_up=14 * DAY, warm_up_from=50)
    days = [pace.of_day(START, START + day * DAY) for day in range(16)]
    assert days == [50, 76, 117, 180, 276, 424, 651, 1000, 1534, 2353, 3610, 5539, 8497, 13036, 20000, 20000]
    assert pace.of_day(START, START - 5 * DAY) == 50
    assert pace.of_day(START, START + DAY - 1) == 50


def test_a_day_full_of_minutes_is_kept_short_and_forgets_nothing_early():
    window = Window(limit=100_000, seconds=DAY, grain=60.0)
    book, clock, went = Book(), START, 0
    for _minute in range(1_400):
        book, grant = window.take(book, 10, clock)
        went += grant.count
        clock += 60
    assert sum(count for _, count in book.used) == went == 14_000
    assert len(book.used) <= 256
    later, _ = window.take(book, 1, START + DAY - 1)
    assert sum(count for _, count in later.used) == 14_001


# --- whatever happens -----------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "send", "wait", "rest", "die", "back"]),
        st.integers(0, 1),
        st.floats(0, 5),
    ),
    min_size=20,
    max_size=120,
)


def simulate(limit, steps):
    """What two workers send in true time while they wait, die and live through a clock that is set back."""
    book, true, wrong, hands, went = Book(), START, 0.0, [Hand(), Hand()], []
    for what, worker, amount in steps:
        if what == "rest":
            true += amount
        if what == "back":
            wrong -= amount * 60
        if what == "die":
            hands[worker] = Hand()
        if what in {"rest", "back", "die"}:
            continue
        for _message in range(6):
            hand, clock = hands[worker], true + wrong
            wait = hand.look(clock, true)
            if wait is None:
                end, count = hand.left(true)
                if count and isinstance(limit, Window):
                    book = limit.give_back(book, end, count)
                book, grant = limit.take(book, 6, clock)
                hand.fill(grant, true)
            elif not wait:
                hand.take()
                went.append(true)
            elif what == "wait":
                true += wait
    return went, book, true, wrong


@settings(max_examples=60)
@given(limit=st.integers(1, 12), seconds=st.sampled_from([5.0, 60.0]), steps=STEPS)
def test_no_window_ever_holds_more_than_its_limit(limit, seconds, steps):
    went, *_ = simulate(Window(limit=limit, seconds=seconds, grain=1.0), steps)
    assert not went or most_in_any(seconds, went) <= limit


@settings(max_examples=60)
@given(limit=st.sampled_from([0.5, 1, 2, 5, 20]), steps=STEPS)
def test_no_second_ever_holds_more_than_its_rate(limit, steps):
    went, *_ = simulate(Rate(per_second=limit), steps)
    for seconds in (max(1, 1 / limit), 10):
        assert not went or most_in_any(seconds, went) <= limit * seconds


@settings(max_examples=60)
@given(limit=st.integers(1, 12), steps=STEPS)
def test_after_anything_a_message_goes_within_two_windows(limit, steps):
    for one, longest in ((Window(limit=limit, seconds=60.0, grain=1.0), 182), (Rate(per_second=limit), 73)):
        _, book, true, wrong = simulate(one, steps)
        assert sent(one, 1, clock=true + wrong, book=book)[0] <= longest


# --- who may be mailed at all ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "address", "expected"),
    [
        (("*",), "anyone@example.net", True),
        ((), "anyone@example.net", False),
        (("ada@example.net",), "Ada@Example.NET", True),
        (("*@example.org",), "x@example.org", True),
        (("*@example.org",), "x@sub.example.org", False),
        (("*@example.org",), "x@example.org.evil.example", False),
        (("*@Example.org", "b@c.example"), "b@c.example", True),
    ],
)
def test_the_allow_list_names_addresses_and_domains(only, address, expected):
    assert permits(only, address) is expected
