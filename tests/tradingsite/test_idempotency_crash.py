"""A command cut off by kill -9 at any moment, and sent again, has one effect."""

import json
import signal
import subprocess

import pytest

from accounts.models import User
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tests.tradingsite.children.running import running

MOMENTS = [
    "before the command",
    "before the effect",
    "after the effect",
    "before the answer is kept",
    "before the commit",
]


@pytest.mark.chaos
@pytest.mark.usefixtures("effect_tables")
def test_a_command_killed_at_any_moment_and_sent_again_has_one_effect():
    User.objects.create_user("alice", password="x" * 12)
    script = "tests.tradingsite.children.crashing_command"

    with running(
        "-m", script, *MOMENTS, "after the commit", output=subprocess.PIPE
    ) as child:
        told, _ = child.communicate(timeout=90)

    story = json.loads(told)
    killed = -signal.SIGKILL
    assert story.pop("after the commit") == [killed, [1, 1], 0, [1, 1]]
    assert list(story) == MOMENTS
    assert all(told == [killed, [0, 0], 0, [1, 1]] for told in story.values())
