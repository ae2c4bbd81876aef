"""``manage.py up`` where it is told to end, may not write, or is not root."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.up import Up, refused
from tradingsite.embedded.footprints import PROC

pytestmark = [pytest.mark.own_server, pytest.mark.chaos, pytest.mark.timeout(240)]


def test_told_to_end_while_it_starts_it_leaves_nothing(server_folder: Path):
    with closing(Up(server_folder / "data")) as up:
        up.wait_until_said("simulator starts")

        code = up.end(signal.SIGHUP)

        assert code == 0, up.output
        assert up.processes() == []


def test_a_folder_that_cannot_be_written_is_one_sentence(server_folder: Path):
    (server_folder / "file").touch()

    with refused(Up(server_folder / "file" / "data")) as said:
        assert "cannot be used" in said


NORMAL_USER = (
    *("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # The interpreter may stand in root's home: reading is allowed, nothing else.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    *("/usr/bin/env", "HOME=/nonexistent", sys.executable),
)


def can_become_somebody_else() -> bool:
    command = [*NORMAL_USER, "-c", "import tradingsite"]
    return os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0


def test_it_runs_for_a_normal_user_and_ended_by_ctrl_c_it_leaves_nothing(
    server_folder: Path,
):
    if not can_become_somebody_else():
        pytest.skip("only root can become somebody else")
    os.chown(server_folder, 65534, 65534)
    command = (*NORMAL_USER, "manage.py", "up", "--no-demo")
    with closing(Up(server_folder / "data", command=command)) as up:
        up.wait_ready()

        assert (PROC / str(up.pid_of("web"))).stat().st_uid == 65534
        assert up.status_of("/health/live") == 200
        assert up.end(signal.SIGINT) == 0, up.output
        assert up.processes() == []
        assert not (up.data / "servers.json").exists()
