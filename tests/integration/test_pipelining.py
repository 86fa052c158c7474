"""Several commands in one breath (RFC 2920): what is said ahead is never lost, never doubled and never half done."""

import asyncio
import itertools
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliveries.model import Phase, Verdict
from digest.deliveries.transports.conversation import Conversation, Garbled, Lost
from tests.mailing import message, smtp
from tests.smtp_server import DROP, recording_server

ADA, BO, CY = (f"{name}@example.net" for name in ("ada", "bo", "cy"))


async def nothing():
    """A mark that is made at once."""


async def _read(reader):
    try:
        return await reader.read(1 << 20)
    except ConnectionError:
        return b""


class Breaths:
    """A server that notes what came in one piece between two of its answers."""

    def __init__(self, *, extensions=("PIPELINING",), odd=None):
        self.heard, self.extensions, self.odd = [], extensions, odd or {}

    async def __aenter__(self):
        self._talks = []
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await asyncio.gather(*self._talks)

    async def _meet(self, reader, writer):
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.append(talk)
        await talk

    async def _talk(self, reader, writer):
        writer.write(b"220 here\r\n")
        text, in_data = b"", False
        while chunk := await _read(reader):
            text += chunk
            breath = []
            while b"\r\n" in text:
                if in_data:
                    if b"\r\n.\r\n" not in b"\r\n" + text:
                        break
                    _, _, text = (b"\r\n" + text).partition(b"\r\n.\r\n")
                    in_data, said = False, "."
                else:
                    line, _, text = text.partition(b"\r\n")
                    said = line.decode()
                name = said.split(":")[0]
                breath.append(name)
                answer = self.odd.get(said) or self._usual(name)
                in_data = name == "DATA" and answer.startswith("354")
                writer.write(answer.encode() + b"\r\n")
            if breath:
                self.heard.append(breath)
        writer.close()
        await writer.wait_closed()

    def _usual(self, name):
        if name.startswith("EHLO"):
            return "\r\n".join(["250-here", *(f"250-{one}" for one in self.extensions), "250 HELP"])
        return {"DATA": "354 go", "QUIT": "221 bye"}.get(name, "250 ok")


async def three(port, **config):
    lane = smtp(port, **config).lane()
    mails = [message(address=address) for address in (ADA, BO, CY)]
    results = []
    for n, mail in enumerate(mails):
        rest = iter(mails[n + 1 :])
        results.append(await lane.send(mail, before_body=nothing, following=partial(next, rest, None)))
    await lane.close()
    return results


@pytest.mark.parametrize(
    ("mode", "breaths"),
    [
        ("full", [["MAIL FROM", "RCPT TO", "DATA"], [".", "MAIL FROM", "RCPT TO", "DATA"], [".", "MAIL FROM", "RCPT TO", "DATA"], ["."]]),
        ("envelope", [["MAIL FROM", "RCPT TO", "DATA"], ["."]] * 3),
        ("off", [["MAIL FROM"], ["RCPT TO"], ["DATA"], ["."]] * 3),
    ],
)  # fmt: skip
async def test_a_message_takes_one_round_trip_two_or_four_as_it_is_set(mode, breaths):
    async with Breaths() as server:
        results = await three(server.port, pipelining=mode)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED] * 3
    assert [said for said in server.heard if said[0][:4] not in ("EHLO", "QUIT")] == breaths


async def test_a_server_that_does_not_offer_it_hears_one_command_at_a_time():
    async with Breaths(extensions=("SIZE 1000000",)) as server:
        results = await three(server.port)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED] * 3
    assert all(len(said) == 1 for said in server.heard)


async def test_each_message_arrives_once_and_whole_behind_the_one_before():
    async with recording_server() as server:
        await three(server.port)
    assert [one.rcpt for one in server.messages] == [ADA, BO, CY]
    assert all(one.data == message(address=one.rcpt).data for one in server.messages)
    assert server.connections == 1


async def test_who_is_refused_ahead_is_refused_and_the_others_get_theirs():
    refuse = lambda step: "550 5.1.1 no such user" if step.name == "rcpt" and step.argument == BO else None  # noqa: E731
    async with recording_server(refuse) as server:
        results = await three(server.port)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert results[1].phase is Phase.RCPT
    assert [one.rcpt for one in server.messages] == [ADA, CY]


async def test_a_server_that_wants_the_message_of_somebody_it_refused_gets_an_empty_one_and_goes_on():
    """RFC 2920 section 3.1: 354 after a refused RCPT is answered by a dot alone."""
    odd = {f"RCPT TO:<{BO}>": "550 5.1.1 no such user"}
    async with Breaths(odd=odd) as server:
        results = await three(server.port)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert ["."] in server.heard  # the dot alone, in a breath of its own
    assert sum(said.count(".") for said in server.heard) == 3


async def test_a_sender_refused_yet_asked_for_the_message_gives_nothing_at_all():
    odd = {"MAIL FROM:<bounces@example.org>": "452 4.3.1 no room"}
    async with Breaths(odd=odd) as server:
        lane = smtp(server.port).lane()
        result = await lane.send(message(address=ADA), before_body=nothing)
        await lane.close()
    assert (result.verdict, result.phase) == (Verdict.DEFERRED, Phase.MAIL)
    assert not any("." in said for said in server.heard)


@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 going down"])
async def test_a_connection_lost_behind_the_dot_costs_the_next_message_only_the_way_to_another(answer):
    lost = lambda step: answer if (step.name, step.argument, step.connection) == ("rcpt", BO, 1) else None  # noqa: E731
    async with recording_server(lost) as server:
        results = await three(server.port)
    assert results[0].verdict is Verdict.ACCEPTED
    assert results[2].verdict is Verdict.ACCEPTED
    assert not any(one.verdict is Verdict.UNCERTAIN for one in results)
    assert [one.rcpt for one in server.messages].count(BO) == (results[1].verdict is Verdict.ACCEPTED)


async def test_what_was_announced_and_not_sent_is_never_delivered():
    async with recording_server() as server:
        lane = smtp(server.port).lane()
        first, promised, other = (message(address=address) for address in (ADA, BO, CY))
        await lane.send(first, before_body=nothing, following=lambda: promised)
        result = await lane.send(other, before_body=nothing)
        await lane.send(first, before_body=nothing, following=lambda: promised)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert [one.rcpt for one in server.messages] == [ADA, CY, ADA]


async def test_a_connection_is_renewed_in_time_and_announces_nothing_with_its_last_message():
    async with recording_server() as server:
        results = await three(server.port, max_per_connection=2)
    assert [one.verdict for one in results] == [Verdict.ACCEPTED] * 3
    assert server.connections == 2
    assert [one.connection for one in server.messages] == [1, 1, 2]


async def test_a_mark_that_fails_behind_a_message_sends_nothing_and_keeps_the_one_before():
    class Gone(Exception):
        """The ledger is away."""

    async def fail():
        raise Gone

    async with recording_server() as server:
        lane = smtp(server.port).lane()
        mails = [message(address=ADA), message(address=BO)]
        first = await lane.send(mails[0], before_body=nothing, following=lambda: mails[1])
        with pytest.raises(Gone):
            await lane.send(mails[1], before_body=fail)
        await lane.close()
    assert first.verdict is Verdict.ACCEPTED
    assert [one.rcpt for one in server.messages] == [ADA]


class Wire(asyncio.Transport):
    """A transport that only takes its protocol."""

    def set_protocol(self, protocol):
        self.protocol = protocol

    def is_closing(self):
        return False

    def abort(self):
        """Nothing to end."""


REPLIES = st.lists(
    st.tuples(st.integers(200, 599), st.lists(st.text("abc 5.1.1<>@é", max_size=20), min_size=1, max_size=3)),
    min_size=1,
    max_size=5,
)


@given(REPLIES, st.data())
def test_replies_are_the_same_however_the_network_cuts_them(replies, data):
    sent = b"".join(
        f"{code}{'-' if n < len(lines) - 1 else ' '}{line}\r\n".encode()
        for code, lines in replies
        for n, line in enumerate(lines)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    heard = asyncio.run(_heard(sent, [0, *cuts, len(sent)], len(replies)))
    assert [(one.code, one.text) for one in heard] == [
        (code, "\n".join(line.strip(" \t") for line in lines)) for code, lines in replies
    ]


async def _heard(sent, cuts, count):
    wire = Wire()
    talk = Conversation(wire)
    for start, end in itertools.pairwise(cuts):
        talk.data_received(sent[start:end])
    return [await talk.hear(1) for _ in range(count)]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_rubbish_is_more_than_the_end_of_the_conversation(chunks):
    async def listen():
        talk = Conversation(Wire())
        for chunk in chunks:
            talk.data_received(chunk)
        talk.connection_lost(None)
        while True:
            await talk.hear(1)

    with pytest.raises(Lost) as caught:
        asyncio.run(listen())
    assert isinstance(caught.value, Garbled | Lost)
