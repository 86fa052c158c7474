"""What operations.md works out for a hundred million messages a day follows from its measured figures."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from docs.capacity import MEASURED, PAGE, Asked, page, rows, table


def much(asked: Asked) -> dict[str, str]:
    return {what: amount for what, amount, _ in rows(asked)}


def test_the_tables_on_the_page_are_what_the_figures_give() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert table() in written, "the figures have changed: run `make docs`"
    assert page(written) == written, "run `make docs` twice and nothing may change"
    with pytest.raises(ValueError, match="no place for the tables"):
        page("# Operations\n")


def test_twice_the_messages_need_twice_as_much() -> None:
    asked = Asked(messages=50_000_000, tried_again=0)
    assert much(asked)["tries"] == "1,389 a second"
    assert much(replace(asked, hours=5))["tries"] == "2,778 a second"
    assert much(asked)["connections to the relays"] == "167"  # 1,389 × 0.12 s
    assert much(replace(asked, messages=100_000_000))["connections to the relays"] == "334"
    assert much(asked)["the ledger grows by"] == "20 GB a day"  # (237 + 162) bytes × 50,000,000


@pytest.mark.parametrize("name", [field.name for field in fields(Asked)])
def test_whatever_is_asked_for_makes_a_difference(name: str) -> None:
    before = Asked()
    assert rows(replace(before, **{name: getattr(before, name) * 4})) != rows(before)


def test_every_measured_figure_says_how_it_was_measured() -> None:
    assert all(figure.value > 0 and figure.unit and figure.measured for figure in MEASURED.values())
