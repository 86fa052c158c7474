import errno
import os
import stat
import subprocess
import sys
import textwrap

import pytest

from digest.deliveries.model import Verdict
from digest.deliveries.transports.base import CannotOpen
from digest.deliveries.transports.outbox import Outbox
from tests.mailing import message


async def marked():
    return None


async def test_a_message_is_one_whole_file_that_only_its_owner_can_read(tmp_path):
    mail = message()
    lane = Outbox(tmp_path / "outbox").lane()
    await lane.open()
    result = await lane.send(mail, before_body=marked)
    await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    (path,) = (tmp_path / "outbox" / "new").iterdir()
    assert path.read_bytes().endswith(mail.data)
    assert b"Delivered-To: ada@example.net\r\n" in path.read_bytes()
    assert list((tmp_path / "outbox" / "tmp").iterdir()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700


async def test_a_message_written_again_replaces_itself(tmp_path):
    lane = Outbox(tmp_path).lane()
    await lane.open()
    for _ in range(2):
        await lane.send(message(), before_body=marked)
    assert len(list((tmp_path / "new").iterdir())) == 1


async def test_a_send_makes_the_directory_that_is_missing(tmp_path):
    result = await Outbox(tmp_path / "a" / "b").lane().send(message(), before_body=marked)
    assert result.verdict is Verdict.ACCEPTED


class FullDisk:
    """A file on a disk that takes ten octets and no more."""

    def __init__(self, path):
        self._file = path.open("wb")

    def write(self, data):
        self._file.write(data[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


async def test_a_full_disk_leaves_nothing_half_written_and_asks_for_a_pause(tmp_path):
    lane = Outbox(tmp_path, opener=FullDisk).lane()  # type: ignore[arg-type]  # as much of a file as it needs
    await lane.open()
    result = await lane.send(message(), before_body=marked)
    assert result.verdict is Verdict.REFUSED
    assert "cannot be written: No space left on device; nothing was lost" in result.stop
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


async def test_a_place_that_cannot_be_an_outbox_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    lane = Outbox(tmp_path / "file" / "outbox").lane()
    with pytest.raises(CannotOpen, match="cannot be written: Not a directory"):
        await lane.open()


def test_a_limit_of_the_operating_system_is_met_the_same_way(tmp_path):
    script = textwrap.dedent(
        """
        import asyncio, resource, signal, sys
        from pathlib import Path
        from digest.deliveries.transports.outbox import Outbox
        from tests.mailing import message

        async def marked():
            return None

        async def main():
            lane = Outbox(Path(sys.argv[1])).lane()
            await lane.open()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            print((await lane.send(message(), before_body=marked)).stop)

        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "cannot be written: File too large" in done.stdout
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
