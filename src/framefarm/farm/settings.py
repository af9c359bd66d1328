"""How a manager is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from framefarm.core.accounts import LoginLimits
from framefarm.core.blame import BlameLimits
from framefarm.core.openid import OpenIdSettings
from framefarm.core.requirements import Pool
from framefarm.farm.expiry import LeaseLives
from framefarm.notify.mail_server import MailServer


@dataclass(frozen=True)
class ConnectionLimits:
    """What slow, hostile and too many connections may take of a manager (L14).

    Attributes:
        handshake_s: For the TLS handshake of a connection.
        head_s: From a request's first byte to the end of its head.
        idle_s: How long a connection is kept for the next request.
        hello_s: From a WebSocket's opening to the worker's hello.
        least_bytes_per_s: Slower transfers, in either direction, are ended; a byte every 5 seconds
            is, the slowest mobile line is not.
        over_s: For how long a transfer has to be that slow.
        head_bytes: A request's head at most.
        unsent_bytes: What may wait to be sent to one worker; one that reads less is cut off.
        strangers: Connections at most that have not shown whose they are.
        strangers_per_address: The same from one address.
        greetings: Workers taken in at the same time; the others are told when to come again.
        greetings_per_s: How many of those are told to come each second; more once more could be
            taken in.
        requests_per_s: Of one person, or of one address that shows nothing; 0 for any number.
            Workers, and programs on the manager's machine that show no token, are not counted.
        requests_at_once: So many may come at once after a rest.
    """

    handshake_s: float = 10.0
    head_s: float = 10.0
    idle_s: float = 30.0
    hello_s: float = 10.0
    least_bytes_per_s: float = 128.0
    over_s: float = 30.0
    head_bytes: int = 64 << 10
    unsent_bytes: int = 1 << 20
    strangers: int = 2_000
    strangers_per_address: int = 256
    greetings: int = 256
    greetings_per_s: float = 400.0
    requests_per_s: float = 50.0
    requests_at_once: int = 500


@dataclass(frozen=True)
class ManagerSettings:
    """Everything a manager can be told.

    Attributes:
        data_dir: Database, blobs and, unless told otherwise, outputs.
        outputs_dir: Where finished files appear; None is `data_dir/outputs`.
        flat_outputs: Put a job's files straight into `outputs_dir` instead of
            `project/shot/job` below it; for a manager that serves one job.
        database_url: Where the tables are; None is SQLite in `data_dir`.
        lease_s: A lease's life without a heartbeat (L3), for workers of the pool `own`.
        public_lease_s: The same for those of others, whose lines are worse.
        stall_s: A unit without progress for this long is killed (L10).
        blame: The numbers by which units and workers are blamed (L9).
        known_s: A worker that was seen so long ago still counts as one that could do a unit.
        tail_every_s: How often idle slots are offered a unit that another worker is at (L11); 0 is
            never.
        deadline_raise: By how much the priority of a job rises that would miss its deadline.
        keep_blobs_s: Files that no job needs any more are kept for so long.
        watch_invariants: Check once a minute that all invariants hold, and log what does not.
        low_water_bytes: Free disk space below which uploads are refused (L14).
        largest_upload_bytes: One blob at most.
        keeper: Check results, and store small ones, in processes of their own; pays off with many
            workers, costs a process, and a second one with the first large result.
        longest_check_s: How long a keeper may take for a picture of a result; one that takes
            longer is refused like one that cannot be decoded.
        connections: What connections may take.
        mail_server: What mail to people goes by; None where there is none.
        notify_allow: Hosts and networks inside that people may be told at.
        logins: How long browsers stay logged in.
        public_url: Where people's browsers reach it, if not where it listens: through a proxy, or
            under a name.
        openid: The provider that people may log in with; None for none.
    """

    data_dir: Path
    outputs_dir: Path | None = None
    flat_outputs: bool = False
    database_url: str | None = None
    lease_s: float = 30.0
    public_lease_s: float = 120.0
    stall_s: float = 300.0
    blame: BlameLimits = field(default_factory=BlameLimits)
    known_s: float = 120.0
    keep_blobs_s: float = 86_400.0
    watch_invariants: bool = False
    tail_every_s: float = 0.5
    deadline_raise: int = 1
    low_water_bytes: int = 1 << 30
    largest_upload_bytes: int = 64 << 30
    keeper: bool = False
    longest_check_s: float = 120.0
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    mail_server: MailServer | None = None
    notify_allow: tuple[str, ...] = ()
    logins: LoginLimits = field(default_factory=LoginLimits)
    public_url: str = ""
    openid: OpenIdSettings | None = None

    def lease_s_of(self, pool: Pool) -> float:
        """How long leases of a worker in this pool live."""
        return self.lives.of(pool)

    @property
    def lives(self) -> LeaseLives:
        """How long leases live without a heartbeat."""
        return LeaseLives(self.lease_s, max(self.lease_s, self.public_lease_s))

    @property
    def outputs(self) -> Path:
        """Where finished files appear."""
        return self.outputs_dir or self.data_dir / "outputs"

    @property
    def blobs(self) -> Path:
        """Where blobs are kept."""
        return self.data_dir / "blobs"
