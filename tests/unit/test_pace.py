import pytest

from digest.deliveries.allowlist import permits
from digest.deliveries.pace import Pace


def test_without_limits_nothing_waits():
    pace = Pace()
    assert [pace.take(0.0) for _ in range(1_000)] == [0.0] * 1_000


def test_messages_a_second_hold_over_any_ten_seconds():
    pace = Pace(per_second=5)
    clock, sent = 0.0, []
    while clock < 20:
        wait = pace.take(clock)
        if wait:
            clock += wait
            continue
        sent.append(clock)
    for start in range(10):
        in_window = [at for at in sent if start <= at < start + 10]
        assert len(in_window) <= 5 * 10 + 5
    assert len(sent) >= 95


def test_less_than_one_a_second_is_possible():
    pace = Pace(per_second=0.5)
    assert pace.take(0.0) == 0.0
    assert pace.take(0.0) == pytest.approx(2.0)
    assert pace.take(2.0) == 0.0


def test_a_day_holds_no_more_than_its_limit_and_the_next_goes_on():
    pace = Pace(per_day=100)
    assert all(pace.take(float(second)) == 0 for second in range(100))
    wait = pace.take(100.0)
    assert 86_300 < wait <= 86_460
    assert pace.take(100.0 + wait) == 0.0


def test_no_window_of_24_hours_exceeds_the_day():
    pace = Pace(per_day=10)
    sent = [hour * 3600.0 for hour in range(24 * 5) if pace.take(hour * 3600.0) == 0]
    assert all(len([at for at in sent if start <= at < start + 86_400]) <= 10 for start in sent)
    assert len(sent) >= 40


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
