"""How many files and sockets a process may have open."""

import resource


def allow_all() -> None:
    """Let this process, and those it starts, open as many as the system lets it.

    Most systems begin with 1,024, which the sockets of some hundred people use up.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
