"""What every transport promises, over each one that is registered."""

import email
import email.policy

import pytest

from digest.deliveries.model import Verdict
from digest.deliveries.transports import registry
from tests.mailing import compiled, message, reader, smtp_config
from tests.smtp_server import recording_server


class Place:
    """Where a transport's mail ends up, and the transport itself."""

    def __init__(self, transport, arrived):
        self.transport = transport
        self.arrived = arrived


@pytest.fixture(params=sorted(registry.TRANSPORTS))
async def place(request, tmp_path):
    async with recording_server() as server:
        config = smtp_config(server.port, kind=request.param, outbox_dir=tmp_path / "outbox")

        def arrived():
            if request.param == "smtp":
                return [one.data for one in server.messages]
            return [path.read_bytes() for path in (tmp_path / "outbox" / "new").glob("*")]

        yield Place(registry.build(config), arrived)


async def test_it_has_the_name_it_is_registered_under(place):
    assert registry.TRANSPORTS[place.transport.name]


async def test_accepted_means_that_the_message_is_there(place):
    async def marked():
        assert place.arrived() == []

    lane = place.transport.lane()
    await lane.open()
    result = await lane.send(message(), before_body=marked)
    await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    (data,) = place.arrived()
    assert email.message_from_bytes(data, policy=email.policy.default)["To"] == "ada@example.net"


async def test_a_lane_opens_by_itself_and_again_after_its_end(place):
    async def marked():
        return None

    lane = place.transport.lane()
    for n in range(2):
        mail = compiled().addressed(reader(), position_key=str(n))
        assert (await lane.send(mail, before_body=marked)).verdict is Verdict.ACCEPTED
        await lane.close()
        await lane.close()
    assert len(place.arrived()) == 2


async def test_the_mark_comes_before_the_message_and_once(place):
    marks = []

    async def mark():
        marks.append(len(place.arrived()))

    lane = place.transport.lane()
    for n in range(3):
        await lane.send(compiled().addressed(reader(), position_key=str(n)), before_body=mark)
    await lane.close()
    assert marks == [0, 1, 2]


async def test_a_mark_that_cannot_be_made_means_that_nothing_leaves(place):
    class NoMark(Exception):
        pass

    async def broken():
        raise NoMark

    lane = place.transport.lane()
    with pytest.raises(NoMark):
        await lane.send(message(), before_body=broken)
    await lane.close()
    assert place.arrived() == []
