"""What a round of sessions has changed, and how things stand after it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SessionNews:
    """Something happened in a session: `joined`, `left`, `released` or `complete`.

    Attributes:
        worker_id: Whom it happened to; empty where it is the whole session.
        reason: For people.
        worker: Its name.
        workers: The names of those that are told that the job is complete.
    """

    what: str
    session_id: int
    job_id: int
    worker_id: str = ""
    worker: str = ""
    reason: str = ""
    workers: tuple[str, ...] = ()


@dataclass
class Settled:
    """How things stand after a round.

    Attributes:
        news: What happened in it.
        jobs: The session's job of each worker in one.
        sessions: The session of each job that has one.
        spare: Workers for whom their job has nothing just now, and that have nothing of it.
        prefetch: Workers that are to have their job's files at once, and have not said so yet.
        begun: Whether a job may go on that waited.
        names: Of all workers that it is about.
    """

    news: list[SessionNews] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    spare: set[str] = field(default_factory=set)
    prefetch: set[str] = field(default_factory=set)
    begun: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def tell(
        self, what: str, session_id: int, job_id: int, worker_id: str, reason: str = ""
    ) -> None:
        """Add what happened to a worker."""
        name = self.names.get(worker_id, worker_id)
        told = SessionNews(what, session_id, job_id, worker_id, name, reason)
        self.news.append(told)
