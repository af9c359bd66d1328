"""Notifications and their targets as the API shows them."""

from __future__ import annotations

from typing import Any

import msgspec


class TargetView(msgspec.Struct, frozen=True):
    """Where somebody is told; of the address as much as is no secret."""

    id: int
    name: str
    kind: str
    address: str
    tells: tuple[str, ...]
    all_jobs: bool
    created_at: str
    state: str
    reason: str = ""
    next_try_at: str | None = None
    waiting: int = 0


class TargetPage(msgspec.Struct, frozen=True):
    """All targets of somebody's."""

    targets: tuple[TargetView, ...]


class MadeTarget(msgspec.Struct, frozen=True):
    """A target as it was made; a web hook's secret is told once."""

    target: TargetView
    secret: str | None = None


class Tested(msgspec.Struct, frozen=True):
    """Whether a test message got there, and why not."""

    sent: bool
    reason: str = ""


class NotificationView(msgspec.Struct, frozen=True):
    """One thing that happened, for one target."""

    id: int
    event: str
    title: str
    at: str
    target: int
    target_name: str
    state: str
    facts: dict[str, Any] = {}
    sent_at: str | None = None
    reason: str = ""


class NotificationPage(msgspec.Struct, frozen=True):
    """Some notifications, newest first."""

    notifications: tuple[NotificationView, ...]
    next: int | None = None
