import email
import email.policy
from dataclasses import replace

import pytest

from digest.cli.shapes import findings_in_words
from digest.deliveries.transports.outbox import Outbox
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.errors import BadMove
from digest.messages.model import Rendered, Severity
from digest.posts import store as posts
from digest.workflows import approve, control, preview, proof, reopen
from tests import sending
from tests.factories import NOW
from tests.mailing import smtp
from tests.smtp_server import recording_server


@pytest.fixture
def parts(database):
    return sending.parts(database)


def stored(parts, edition):
    with parts.database.reading() as session:
        return editions.snapshot(session, edition.id, Rendered)


def test_approving_keeps_the_bytes_their_fingerprint_and_who_it_was(parts):
    edition = sending.draft(parts)
    approved = approve.approve(parts, edition.id, by="Ada", now=NOW)
    kept = stored(parts, edition)
    assert approved.state is EditionState.APPROVED
    assert (approved.approved_by, approved.approved_at) == ("Ada", NOW)
    assert approved.fingerprint == kept.fingerprint
    assert kept.subject == "What happened at the creek"
    assert sending.state(parts, edition) == approved


def test_what_preflight_blocks_is_not_approved_and_says_why(parts):
    edition = sending.draft(parts, items=0)
    with pytest.raises(approve.NotApproved) as refused:
        approve.approve(parts, edition.id, by="Ada", now=NOW)
    assert refused.value.findings
    assert all(finding.severity is Severity.BLOCKING for finding in refused.value.findings)
    assert refused.value.findings[0].message in str(refused.value)
    assert sending.state(parts, edition).state is EditionState.DRAFT
    assert stored(parts, edition) is None


def test_a_finding_is_overridden_only_by_its_own_name(parts):
    edition = sending.draft(parts, items=0)
    with pytest.raises(approve.NotApproved) as refused:
        approve.approve(parts, edition.id, by="Ada", overrides=("something-else",), now=NOW)
    codes = tuple(finding.code for finding in refused.value.findings)
    approved = approve.approve(parts, edition.id, by="Ada", overrides=codes, now=NOW)
    assert approved.state is EditionState.APPROVED
    assert codes[0] in approved.reason


def test_a_refusal_tells_everything_there_is_to_look_at(parts):
    edition = sending.draft(parts, items=0, subject="")
    with pytest.raises(approve.NotApproved) as refused:
        approve.approve(parts, edition.id, by="Ada", now=NOW)
    assert [f.code for f in refused.value.found] == ["no-items", "subject-made"]
    told = findings_in_words(refused.value.found, edition=edition.id)
    assert told.startswith("1 finding stops the approval:\n  no-items: The edition has no items.")
    assert told.endswith(f"To send it all the same: digest editions approve {edition.id} --override no-items")


def test_links_that_nobody_tried_do_not_stand_in_the_way(parts):
    edition = sending.draft(parts)
    seen = preview.preview(parts, edition.id, now=NOW)
    assert "links-unchecked" in [finding.code for finding in seen.findings]
    assert not seen.is_blocked
    assert approve.approve(parts, edition.id, by="Ada", now=NOW).state is EditionState.APPROVED


def test_an_edited_post_and_one_that_is_gone_are_told(parts):
    edition = sending.draft(parts, items=2)
    first, second = (replace(item, post_fingerprint="0" * 64) for item in edition.items)
    with parts.database.transaction() as session:
        editions.set_items(session, edition.id, [first, second])
        posts.mark_gone(session, [second.post_id or 0], NOW)
    told = {f.place: f.code for f in preview.preview(parts, edition.id, now=NOW).findings}
    assert (told[first.url], told[second.url]) == ("post-changed", "item-gone")


def test_an_edit_makes_an_approved_edition_a_draft_again(parts):
    edition = sending.draft(parts)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    with parts.database.transaction() as session:
        reopen.reopen(session, editions.lock(session, edition.id), now=NOW)
    again = sending.state(parts, edition)
    assert (again.state, again.fingerprint, again.approved_by) == (EditionState.DRAFT, "", "")


def test_what_is_approved_is_not_approved_twice(parts):
    edition = sending.draft(parts)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    with pytest.raises(BadMove):
        approve.approve(parts, edition.id, by="Bob", now=NOW)
    assert sending.state(parts, edition).approved_by == "Ada"


def test_the_preview_of_an_approved_edition_is_what_was_approved(parts):
    edition = sending.draft(parts)
    approve.approve(parts, edition.id, by="Ada", now=NOW)
    with parts.database.transaction() as session:
        editions.set_items(session, edition.id, [replace(edition.items[0], title="Edited behind our back")])
    after = preview.preview(parts, edition.id, now=NOW)
    assert "Edited behind our back" not in after.html + after.text
    shown = email.message_from_bytes(after.message, policy=email.policy.default)
    assert shown["Subject"] == "What happened at the creek"
    assert "/u/proof" in after.text


def test_a_cancelled_draft_gives_its_posts_back(parts):
    edition = sending.draft(parts)
    with parts.database.reading() as session:
        assert editions.candidates(session, "weekly") == []
    assert control.cancel(parts, edition.id, now=NOW).state is EditionState.CANCELLED
    with parts.database.reading() as session:
        assert len(editions.candidates(session, "weekly")) == 2


async def test_a_proof_is_marked_consumes_nothing_and_cannot_unsubscribe_anybody(database):
    async with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        edition = sending.draft(parts)
        sent = await proof.proof(parts, edition.id, addresses=("a@example.org", "b@example.org"), now=NOW)
    assert [(one.address, one.outcome) for one in sent] == [
        ("a@example.org", "accepted"),
        ("b@example.org", "accepted"),
    ]
    for got in server.messages:
        seen = email.message_from_bytes(got.data, policy=email.policy.default)
        assert seen["Subject"].startswith("[TEST] ")
        assert seen["List-Unsubscribe"] == "<https://news.example.org/u/proof>"
    assert sending.state(parts, edition) == edition
    with parts.database.reading() as session:
        assert editions.placed(session, "weekly") == {}


async def test_a_proof_keeps_to_the_allow_list_and_survives_an_odd_address(database, tmp_path):
    parts = sending.parts(database, transport=Outbox(tmp_path), mail={"only": ("*@example.org",)})
    edition = sending.draft(parts)
    wanted = ("a@example.org", "a@example.net", "x y@example.org")
    sent = await proof.proof(parts, edition.id, addresses=wanted, now=NOW)
    assert [one.outcome for one in sent] == [
        "accepted",
        "skipped: not on mail.only",
        "refused: the address is not one that mail can be sent to",
    ]
    assert len(list((tmp_path / "new").iterdir())) == 1
