"""What a mail server really received bears signatures that hold: editions, proofs, and notices to staff."""

from __future__ import annotations

import asyncio
import email
import email.policy
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from digest.deliveries.model import Verdict
from digest.deliveries.transports.outbox import Outbox
from digest.messages.dkimkeys import BadKey
from digest.messages.personalise import compile_edition
from digest.workflows import deliver, proof
from tests import mailing, sending, signing
from tests.factories import NOW
from tests.smtp_server import EXTENSIONS, recording_server

STAFF = ("comms@example.org",)


async def marked():
    return None


def signed_parts(database, folder, transport, **mail):
    signer = signing.signer(folder)
    return replace(sending.parts(database, transport=transport, staff=STAFF, **mail), signer=lambda: signer)


@pytest.mark.parametrize("extensions", [EXTENSIONS, ("SMTPUTF8",), ()])
async def test_a_message_that_went_over_smtp_is_the_one_that_was_signed(tmp_path, extensions):
    edition = compile_edition(
        mailing.rendered(text=f".\n..\nFrom here\n{mailing.slot(mailing.SlotName.UNSUBSCRIBE_URL)}\n.\n"),
        mailing.sender(),
        edition_key="weekly-12",
        sent_at=NOW,
        signer=signing.signer(tmp_path),
    )
    readers = [
        "ada@example.net",
        "user@bücher.example",
        *(["zoë@example.net"] if "SMTPUTF8" in extensions else []),
    ]
    async with recording_server(extensions=extensions) as server:
        lane = mailing.smtp(server.port).lane()
        for address in readers:
            mail = edition.addressed(mailing.reader(address=address), position_key=address, now=NOW)
            result = await lane.send(mail, before_body=marked)
            assert result.verdict is Verdict.ACCEPTED
        await lane.close()
    assert len(server.messages) == len(readers)
    for got in server.messages:
        assert signing.verdicts(got.data) == [True, True]
        assert signing.verdicts(got.data.replace(b"\r\nList-Unsubscribe-Post: ", b"\r\nX-Was: ", 1)) == [
            False,
            False,
        ]


async def test_editions_and_what_staff_are_told_arrive_signed(database, tmp_path):
    async with recording_server() as server:
        parts = signed_parts(database, tmp_path, mailing.smtp(server.port))
        await asyncio.to_thread(_launch, parts)
        await deliver.deliver(parts, now=lambda: NOW, until_done=True)
    kinds = {got.rcpt: got.data for got in server.messages}
    assert set(kinds) == {"ada@example.net", "bob@example.net", *STAFF}
    assert len({got.data for got in server.messages}) == len(server.messages)
    for data in (got.data for got in server.messages):
        assert signing.verdicts(data) == [True, True]
    assert email.message_from_bytes(kinds["ada@example.net"], policy=email.policy.default)["List-Unsubscribe"]


async def test_a_proof_arrives_signed(database, tmp_path):
    async with recording_server() as server:
        parts = signed_parts(database, tmp_path, mailing.smtp(server.port))
        edition = sending.draft(parts)
        (sent,) = await proof.proof(parts, edition.id, addresses=("a@example.org",), now=NOW)
    assert sent.outcome == "accepted"
    (got,) = server.messages
    assert signing.verdicts(got.data) == [True, True]


async def test_what_lies_in_the_outbox_is_signed_too(tmp_path):
    box = Outbox(tmp_path / "box")
    lane = box.lane()
    edition = compile_edition(
        mailing.rendered(), mailing.sender(), edition_key="w", sent_at=NOW, signer=signing.signer(tmp_path)
    )
    await lane.send(edition.addressed(mailing.reader(), position_key="1"), before_body=marked)
    await lane.close()
    (kept,) = (tmp_path / "box" / "new").iterdir()
    assert signing.verdicts(kept.read_bytes()) == [True, True]


async def test_a_worker_whose_key_cannot_be_read_sends_nothing_and_changes_nothing(database, tmp_path):
    def refuse():
        raise BadKey("mail.dkim_key: keys/rsa.pem is not there")

    async with recording_server() as server:
        parts = replace(sending.parts(database, transport=mailing.smtp(server.port)), signer=refuse)
        edition = await asyncio.to_thread(_launch, parts)
        with pytest.raises(BadKey):
            await deliver.deliver(parts, now=lambda: NOW, until_done=True)
    assert server.messages == []
    assert sending.counts(parts, edition) == {"pending": 2}


@pytest.mark.skipif(not shutil.which("opendkim"), reason="opendkim is not installed")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data, "succeeded"),
        (lambda data: data.replace(b"\r\nList-Unsubscribe-Post: ", b"\r\nX-Was: ", 1), "failed"),
        (lambda data: b"Subject: another\r\n" + data, "failed"),
        (lambda data: data.replace(b"creek", b"brook"), "failed"),
    ],
    ids=["as sent", "a header less", "a second subject", "another text"],
)
def test_opendkim_says_the_same(tmp_path, change, said):
    edition = compile_edition(
        mailing.rendered(), mailing.sender(), edition_key="w", sent_at=NOW, signer=signing.signer(tmp_path)
    )
    now = datetime.now(UTC) - timedelta(minutes=1)
    mail = edition.addressed(mailing.reader(address="user@bücher.example"), position_key="1", now=now)
    names = [f"{selector}._domainkey.example.org" for selector in ("one", "two")]
    dns = signing.records()
    found = "".join(f"{name} {dns(f'{name}.'.encode()).decode()}\n" for name in names)
    (tmp_path / "dns").write_text(found, encoding="ascii")
    (tmp_path / "conf").write_text(f"Mode v\nSyslog no\nTestDNSData {tmp_path / 'dns'}\n", encoding="utf-8")
    (tmp_path / "mail.eml").write_bytes(change(mail.data))
    command = ["opendkim", "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "mail.eml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said in ran.stdout + ran.stderr


def _launch(parts):
    from digest.workflows.notify import tell

    sending.subscribe(parts, "ada@example.net", "bob@example.net")
    edition = sending.launched(parts)
    with parts.database.transaction() as session:
        tell(session, parts, "weekly", "trouble", edition, now=NOW)
    return edition
