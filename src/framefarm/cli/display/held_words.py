"""How people are told that a job is held, and when the farm tries it again."""

from __future__ import annotations

from datetime import datetime

from framefarm.client.views import JobView


def is_held(job: JobView) -> bool:
    """Whether it is paused, but by nobody: all that was tried of it failed alike."""
    return job.state == "paused" and bool(job.message)


def going_on(job: JobView) -> str:
    """When a held job goes on by itself, and how it goes on at once."""
    at_once = f"`framefarm resume {job.id}` tries all of it at once."
    return f"{when_tried(job.tried_again_at)}; {at_once}"


def when_tried(at: datetime | None) -> str:
    """`It is tried again at 17:40`, by the local clock."""
    if at is None:
        return "One unit of it is tried again now"
    return f"It is tried again at {at.astimezone():%H:%M}"
