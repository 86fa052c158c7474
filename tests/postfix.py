"""A Postfix of our own on loopback, that relays everything to smtp-sink and logs whom it took a message for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys.place import free_port

MISSING = "a private Postfix needs root and Debian's package postfix"
_PATIENCE = 60.0
_PROGRAMS = ("postfix", "postconf", "smtp-sink")
_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log/maillog
maillog_file_prefixes = {home}
maillog_file_permissions = 0644
multi_instance_name = postfix-digest-test
multi_instance_enable = no
myhostname = relay.example.org
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_banner = relay.example.org ESMTP
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{sink}
default_destination_concurrency_limit = 20
in_flow_delay = 0
minimal_backoff_time = 5s
queue_run_delay = 5s
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""
_PASSED_ON = re.compile(r"postfix[^ ]*/smtp\[\d+\]: [0-9A-Za-z]+: to=<([^>]*)>.* status=sent ")


class Postfix:
    """The running relay at `port`."""

    def __init__(self, home: Path, port: int) -> None:
        self.port = port
        self._log = home / "log" / "maillog"
        self._queue = home / "queue"

    def drained(self) -> bool:
        """Whether everything that was taken has been passed on."""
        return not any(
            entry.is_file()
            for name in ("incoming", "active", "deferred", "maildrop")
            for entry in (self._queue / name).rglob("*")
        )

    @property
    def passed_on(self) -> Counter[str]:
        """How many messages were taken and passed on, by recipient."""
        return Counter(_PASSED_ON.findall(self._log.read_text(encoding="utf-8", errors="replace")))


def is_here() -> bool:
    """Whether a Postfix can be started by us: it wants to be root, and gives that up by itself."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return os.geteuid() == 0 and all(shutil.which(name, path=path) for name in _PROGRAMS)


@contextmanager
def postfix() -> Iterator[Postfix]:
    """A Postfix with a configuration, a queue and ports of its own, and a smtp-sink behind it; both end with it."""
    shared = Path("/dev/shm")  # its queue is written to disk for each message, which is not what is measured
    home = Path(tempfile.mkdtemp(prefix="digest-postfix-", dir=shared if shared.is_dir() else None))
    port, sink = free_port(), free_port()
    environ = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    home.chmod(0o755)
    for name in ("etc", "queue", "data", "log"):
        (home / name).mkdir()
    shutil.chown(home / "data", "postfix")
    (home / "etc" / "main.cf").write_text(_MAIN.format(home=home, sink=sink))
    (home / "etc" / "master.cf").write_text(_MASTER.format(port=port))
    command = ["postfix", "-c", str(home / "etc")]
    end = subprocess.Popen(
        ["smtp-sink", "-u", "nobody", f"127.0.0.1:{sink}", "200"], env=environ, stderr=subprocess.DEVNULL
    )
    try:
        started = subprocess.run(
            [*command, "start"], env=environ, capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, f"Postfix did not start: {started.stdout}{started.stderr}"
        yield Postfix(home, port)
    finally:
        subprocess.run([*command, "stop"], env=environ, capture_output=True, check=False, timeout=_PATIENCE)
        end.terminate()
        end.wait(_PATIENCE)
        shutil.rmtree(home, ignore_errors=True)


def wait_until_drained(relay: Postfix, *, seconds: float = _PATIENCE) -> None:
    """Wait until the relay has passed everything on."""
    deadline = time.monotonic() + seconds
    while not relay.drained():
        assert time.monotonic() < deadline, "the relay did not pass everything on in time"
        time.sleep(0.2)
