"""One running site: servers below, processes above, started and ended in order."""

import os
import random
import time
from collections.abc import Iterable
from pathlib import Path

from django.db import connections

from accounts import demo
from tradingsite.database import database_settings
from tradingsite.embedded import EmbeddedError, Servers, ports
from tradingsite.embedded.folder import read_json
from tradingsite.management import processes
from tradingsite.supervisor import Console, Program, Supervisor, leftovers
from tradingsite.supervisor.launching import Launcher
from tradingsite.supervisor.programs import State
from tradingsite.supervisor.records import Recorder
from tradingsite.supervisor.restarts import RestartPolicy, Restarts

STEP_S = 0.1
READY_WITHIN_S = 120
RECORD_WITHIN_S = 2
# For people who read along; whoever collects logs sets LOG_FORMAT=json.
DEFAULTS = {
    "LOG_FORMAT": "console",
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore::UserWarning",
}


class Site:
    """Everything that ``up`` runs, from the data folder to the web page."""

    def __init__(
        self, console: Console, data: Path, *, host: str, port: int, demo: bool
    ) -> None:
        self.console = console
        self.data = data
        self.demo = demo
        self.simulates = not os.environ.get("TICKER_URL")
        self.servers = Servers(data)
        self.addresses = processes.Addresses(host, port, ports.free_port())
        self._began = time.monotonic()
        self._supervisor: Supervisor | None = None
        self._recorder: Recorder | None = None
        self._revivals = Restarts(RestartPolicy(), random.Random())  # noqa: S311
        self._revive_at = 0.0

    def start(self) -> None:
        """Bring everything up; return when the site takes requests."""
        self.servers.folder.take()
        leftovers.end(self.data)
        ports.require_free(self.addresses.port, setting="PORT")
        self.say(f"data in {self.data}")
        self.servers.start(self.say)
        self.say("servers answer")
        supervisor = self._make_supervisor()
        if self.simulates:
            self._start_simulator(supervisor)
        self._prepare(supervisor)
        supervisor.record = self._open_recorder()
        supervisor.add(processes.serving(self.addresses))
        self._await_readiness(supervisor)

    def run(self) -> None:
        """Watch over all of it until interrupted."""
        while self._supervisor is not None:
            self._supervisor.step()
            self._revive_servers()
            time.sleep(STEP_S)

    def stop(self) -> None:
        """End everything that was started, and all that it started."""
        self.say("stopping")
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._recorder is not None:
            self._recorder.close(within_s=RECORD_WITHIN_S)
        if self.servers.folder.is_taken:
            leftovers.end(self.data, grace_s=0)
        self.servers.stop()
        self.say("stopped")

    def welcome(self) -> None:
        """Say where the site is and who may come in."""
        known = read_json(self.data / "demo.json") if self.demo else {}
        address = f"http://{self.addresses.host}:{self.addresses.port}"
        lines = ["", f"Tradingsite runs at {known.get('url') or address}"]
        for label, key in (
            ("user", "username"),
            ("password", "password"),
            ("API key", "api_key"),
        ):
            if known.get(key):
                lines.append(f"  {label:9} {known[key]}")
        self.console.say("\n".join([*lines, "Ctrl-C stops everything.", ""]))

    def say(self, text: str) -> None:
        elapsed = time.monotonic() - self._began
        self.console.say(f"[{elapsed:5.1f} s] {text}")

    def _make_supervisor(self) -> Supervisor:
        self._supervisor = Supervisor(
            self._launcher(), record=lambda states: None, report=self._report
        )
        return self._supervisor

    def _open_recorder(self) -> Recorder:
        # Settings were read before this database had an address and tables.
        address = database_settings(self.servers.addresses()["database_url"])
        connections.databases["default"].update(address)
        self._recorder = Recorder()
        return self._recorder

    def _launcher(self) -> Launcher:
        environment = os.environ | self.servers.environment()
        environment.pop("DATABASE_OWNER_URL", None)
        return Launcher(
            self.console,
            data=self.data,
            environment=DEFAULTS | environment | {"TRADINGSITE_DATA": str(self.data)},
        )

    def _start_simulator(self, supervisor: Supervisor) -> None:
        port = self.addresses.simulator_port
        self.servers.publish(ticker_url=f"http://{ports.LOOPBACK}:{port}")
        supervisor.launch = self._launcher()
        trader = demo.CLIENT if self.demo else ""
        supervisor.add([processes.simulator(self.addresses, trader=trader)])

    def _prepare(self, supervisor: Supervisor) -> None:
        """Run the preparation as the owner of the tables, to its end."""
        addresses = self.servers.addresses()
        owner = addresses.get("database_owner_url", addresses["database_url"])
        task = Program(
            name="prepare",
            kind="command",
            command=processes.manage("prepare_site", *self._demo()),
            environment={"DATABASE_URL": owner, "TRADINGSITE_PROCESS": "command"},
        )
        running = self._launcher()(task)
        while (code := running.exit_code()) is None:
            supervisor.step()
            time.sleep(STEP_S)
        if code != 0:
            raise EmbeddedError("The site could not be prepared; the reason is above.")

    def _demo(self) -> Iterable[str]:
        if self.demo and self.simulates:
            yield f"--await={self.servers.addresses()['ticker_url']}/health"
            yield "--demo=load_demo_market"
        if self.demo:
            yield "--demo=load_demo_desk"
        if self.demo and self.simulates:
            yield "--demo=load_demo_portfolio"

    def _await_readiness(self, supervisor: Supervisor) -> None:
        self._await_all(supervisor)
        deadline = time.monotonic() + READY_WITHIN_S
        while not processes.is_serving(self.addresses.port):
            if time.monotonic() > deadline:
                self.say("/health/ready still answers 503; it says why")
                return
            supervisor.step()
            time.sleep(STEP_S)
        self.say("the site takes requests")

    def _await_all(self, supervisor: Supervisor) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not supervisor.is_settled():
            if time.monotonic() > deadline:
                self.say("not everything became ready; it is still being tried")
                return
            supervisor.step()
            time.sleep(STEP_S)

    def _report(self, state: State) -> None:
        words: dict[str, str] = {
            "starting": f"starts (process {state.pid})",
            "running": "is ready",
            "backing_off": f"ended with {state.last_exit_code}; it starts again soon",
            "failed": f"has failed {state.restarts} times; it is tried now and then",
        }
        self.say(f"{state.name} {words.get(state.status, state.status)}")

    def _revive_servers(self) -> None:
        """Start a server that died, less and less often if it keeps dying."""
        now = time.monotonic()
        if now < self._revive_at:
            return
        for title in self.servers.revive():
            self.say(f"{title} had died and starts again")
            self._revive_at = now + self._revivals.pause_after_death(
                now=now, lived_s=now - self._revive_at
            )
