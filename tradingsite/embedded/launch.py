"""Become another program: never as root where it refuses root, never an orphan.

Run as a script, because what a child does between fork and exec must not happen in
a parent with threads: ``python -I -S launch.py PARENT SIGNAL IDENTITY COMMAND...``.
The kernel sends SIGNAL when PARENT dies. IDENTITY is ``same``, ``mapped`` (root seen
as nobody inside a user namespace: files stay root's) or ``nobody`` (really nobody).
"""

import ctypes
import os
import sys

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
CANNOT_LAUNCH = 126


def call(name: str, *arguments: int) -> None:
    """Call a function of the C library; raise OSError where it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def write(path: str, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, content.encode())
    finally:
        os.close(descriptor)


def become_mapped() -> None:
    user, group = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{NOBODY} {user} 1")
    write("/proc/self/gid_map", f"{NOBODY} {group} 1")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def die_with(parent: int, death_signal: int) -> None:
    """Ask for ``death_signal`` at the parent's death, which may be already past."""
    if sys.platform != "linux":
        return
    call("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(CANNOT_LAUNCH)


def main(parent: str, death_signal: str, identity: str, *command: str) -> None:
    if identity == "mapped":
        become_mapped()
    elif identity == "nobody":
        become_nobody()
    # After the change of identity, which would clear the request.
    die_with(int(parent), int(death_signal))
    os.execv(command[0], command)  # noqa: S606 - our own servers and commands


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"cannot launch {sys.argv[4]}: {error}\n")
        sys.exit(CANNOT_LAUNCH)
