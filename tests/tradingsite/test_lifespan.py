"""What a web process prepares when it starts."""

import resource
from resource import RLIMIT_NOFILE

import pytest

from tests.sockets import running_site

FEW = 512


@pytest.mark.django_db(transaction=True)
def test_as_many_sockets_as_the_system_allows():
    before, most = resource.getrlimit(RLIMIT_NOFILE)
    resource.setrlimit(RLIMIT_NOFILE, (FEW, most))
    try:
        with running_site() as site:
            allowed = resource.prlimit(site.process.pid, RLIMIT_NOFILE)
    finally:
        resource.setrlimit(RLIMIT_NOFILE, (before, most))
    assert allowed == (most, most) != (FEW, most)
