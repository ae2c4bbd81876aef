"""As whom PostgreSQL runs: it refuses root, and root is whom containers give us."""

import os
import signal
import subprocess
from pathlib import Path

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.launch import NOBODY
from tradingsite.embedded.server import launch_command

TRY_TIMEOUT_S = 20


def choose(program: Path, folder: Path) -> str:
    """Return the identity that can run ``program`` on ``folder``; hand it over."""
    if os.geteuid() != 0:
        return "same"
    if _can_run("mapped", program, folder.parent):
        _give(folder, 0)
        return "mapped"
    _give(folder, NOBODY)
    # Nobody must pass through, and may still read nothing on the way.
    folder.parent.chmod(0o711)
    if not _can_run("nobody", program, folder):
        raise EmbeddedError(
            "PostgreSQL does not run as root, this kernel refuses user namespaces, and "
            f"the user nobody cannot reach {folder} and {program}; run as a normal "
            "user, or set DATABASE_URL to a server of your own."
        )
    return "nobody"


def _can_run(identity: str, program: Path, folder: Path) -> bool:
    script = 'cd "$0" && test -w . && exec "$1" --version'
    result = subprocess.run(  # noqa: S603 - our own program
        launch_command(
            ["/bin/sh", "-c", script, str(folder), str(program)],
            death_signal=signal.SIGKILL,
            identity=identity,
        ),
        capture_output=True,
        timeout=TRY_TIMEOUT_S,
        check=False,
    )
    return result.returncode == 0


def _give(folder: Path, user: int) -> None:
    """Make ``user`` the owner of the folder, if it is not yet."""
    if folder.stat().st_uid == user:
        return
    for path in [*folder.rglob("*"), folder]:
        os.chown(path, user, user, follow_symlinks=False)


def give_like(folder: Path, path: Path) -> None:
    """Make the owner of ``folder`` the owner of ``path`` too."""
    if os.geteuid() == 0:
        os.chown(path, folder.stat().st_uid, folder.stat().st_gid)
