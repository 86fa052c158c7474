"""Every template in every state is judged by SpamAssassin's local rules: the bytes a mail server gets stay under a score of 2."""

from __future__ import annotations

import mailbox
import re
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.messages.check import edition_names
from digest.messages.personalise import compile_edition
from digest.messages.render import render
from digest.messages.showcase import showcase
from digest.templating import Templates
from tests.mailing import reader, sender

MOST = 2.0  # SpamAssassin calls a mail spam from 5 on
TEMPLATES = Templates()
LOOKS = edition_names(TEMPLATES)
_PATIENCE_SECONDS = 300
_GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the filter says of one mail: its score and the rules that made it."""

    score: float
    rules: tuple[str, ...]


def mail(look: str, state: str) -> bytes:
    content = next(sample.content for sample in showcase(look) if sample.name == state)
    rendered = render(content, TEMPLATES, nonce="nonce0nonce0nonce0")
    compiled = compile_edition(rendered, sender(), edition_key=f"{look}-{state}", sent_at=content.send_at)
    return compiled.addressed(reader(), position_key="1").data


def judged(program: Path, home: Path, mails: list[bytes]) -> list[Judgement]:
    """The verdicts on these mails, in their order: by local rules alone, with nothing learnt and nobody asked."""
    box = b"".join(
        b"From bounces@example.org Thu Mar  5 09:00:00 2026\nX-Number: %d\n" % number + as_kept(one)
        for number, one in enumerate(mails)
    )
    settings = ("use_bayes 0", "dns_available no", "report_safe 0")  # what is spam keeps its headers
    command = (str(program), "-L", "-t", "-x", "--mbox", *(f"--cf={line}" for line in settings))
    run = subprocess.run(
        command,
        input=box,
        capture_output=True,
        check=True,
        timeout=_PATIENCE_SECONDS,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    (home / "judged").write_bytes(run.stdout)
    with closing(mailbox.mbox(home / "judged", create=False)) as told:  # by date, not as they came
        found = {int(message["X-Number"]): verdict(str(message["X-Spam-Status"])) for message in told}
    assert sorted(found) == list(range(len(mails))), run.stderr.decode()
    return [found[number] for number in range(len(mails))]


def as_kept(data: bytes) -> bytes:
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return b"\n".join(b">" + line if line.startswith(b"From ") else line for line in lines) + b"\n\n"


def verdict(status: str) -> Judgement:
    flat = re.sub(r"\s+", "", status)
    score, rules = re.search(r"score=(-?[\d.]+)", flat), re.search(r"tests=(.*?)(?:autolearn|version)=", flat)
    assert score, status
    assert rules, status
    return Judgement(score=float(score[1]), rules=tuple(rules[1].split(",")))


@pytest.mark.parametrize("look", LOOKS)
def test_no_edition_looks_like_spam(spamassassin, tmp_path, look):
    states = [sample.name for sample in showcase(look)]
    found = dict(
        zip(states, judged(spamassassin, tmp_path, [mail(look, state) for state in states]), strict=True)
    )
    assert all("HTML_MESSAGE" in one.rules for one in found.values()), "the filter did not read the mails"
    assert {state: one for state, one in found.items() if one.score >= MOST} == {}
    # The text part must say what the page says.
    assert [
        state for state, one in found.items() if {"MPART_ALT_DIFF", "MPART_ALT_DIFF_COUNT"} & set(one.rules)
    ] == []


def test_the_filter_really_judges(spamassassin, tmp_path):
    good = mail(LOOKS[0], "usual")
    bad = b"Subject: a test\r\nFrom: a@example.org\r\nTo: b@example.net\r\n\r\n" + _GTUBE.encode() + b"\r\n"
    fine, spam = judged(spamassassin, tmp_path, [good, bad])
    assert "GTUBE" in spam.rules
    assert spam.score > 100 > fine.score
