"""Which manager a worker works for, when its command names none."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from framefarm.agent.http import is_encrypted
from framefarm.agent.identity import Identity, IdentityFile
from framefarm.cli.failures import UsageFailure
from framefarm.cli.farm_options import DEFAULT_URL
from framefarm.cli.settings import Settings
from framefarm.client import local_manager
from framefarm.client.errors import ClientError
from framefarm.client.farm import Farm
from framefarm.client.pinning import fingerprint_of

if TYPE_CHECKING:
    from framefarm.agent.discovery import FoundManager

_ANSWERS_S = 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A manager, and why this one.

    Attributes:
        url: Its address.
        how: For people.
        fingerprint: SHA-256 of the certificate that it has to show, where that is known here.
    """

    url: str
    how: str
    fingerprint: str | None = None


def choose_manager(settings: Settings) -> Choice:
    """The manager of a worker: the one named; else, unless it has a join token in hand, the one it
    joined last; else one on this machine; else one on the local network.

    Raises:
        UsageFailure: On the network are several, or one and there is no join token for it, or none
            that a join token could be of.
        IdentityError: What the worker remembers cannot be read.
    """  # noqa: D205  one sentence
    local = _on_this_machine(settings)
    if settings.url is not None:
        same = local is not None and local.url == settings.url.rstrip("/")
        return local if local is not None and same else Choice(settings.url, "as told")
    last = None if settings.join else IdentityFile(settings.worker_dir).load().latest
    if last is not None and last.url:
        return _joined_last(last)
    if local is not None and not settings.join:
        return local
    return _on_the_network(settings)


def _on_this_machine(settings: Settings) -> Choice | None:
    noted = local_manager.find(settings.manager_dir)
    if noted is not None and _answers(noted.url):
        pinned = fingerprint_of(noted.certificate) if noted.certificate else None
        return Choice(noted.url, "on this machine", pinned)
    return Choice(DEFAULT_URL, "on this machine") if _is_manager(DEFAULT_URL) else None


def _joined_last(last: Identity) -> Choice:
    if _answers(last.url):
        return Choice(last.url, "joined before")
    for found in browse():
        if found.farm and found.farm == last.farm and _as_safe(found.url, last.url):
            return Choice(found.url, f"joined before, now at another address: {found.name}")
    return Choice(last.url, "joined before; does not answer yet")


def _as_safe(now: str, before: str) -> bool:
    """Whether an address is encrypted if the one before was: anybody may announce any farm."""
    return is_encrypted(now) or not is_encrypted(before)


def _on_the_network(settings: Settings) -> Choice:
    found = browse()
    if len(found) > 1:
        listed = "\n".join(f"  framefarm worker {one.url}    {one.name}" for one in found)
        raise UsageFailure(f"{len(found)} managers are on this network; name one:\n{listed}")
    if found and settings.join:
        return _found(found[0])
    if found:
        # It would turn a worker away that has no token, unless it is up to something: what a
        # manager hands out can run scripts here, and a token comes from somebody who knows it.
        raise UsageFailure(
            f"found {found[0].name} at {found[0].url}; it takes in a new worker with a join token "
            f"only: framefarm worker {found[0].url} --join TOKEN. "
            "`framefarm workers invite` on its machine makes one"
        )
    if settings.join:
        raise UsageFailure(
            "no manager was found on this network (some networks do not pass on how they are "
            "found); give its address, as in the line that it printed: "
            "framefarm worker URL --join TOKEN"
        )
    return Choice(DEFAULT_URL, "none was found on this machine or network; waiting for one here")


def browse() -> list[FoundManager]:
    """The managers on the local network; see `framefarm.agent.discovery`."""
    from framefarm.agent import discovery  # noqa: PLC0415  a quarter of a second, seldom needed

    return discovery.browse()


def _found(manager: FoundManager) -> Choice:
    return Choice(manager.url, f"found on the network: {manager.name}")


def _is_manager(url: str) -> bool:
    """Whether a manager answers, not just any program."""
    try:
        with Farm(url, timeout_s=_ANSWERS_S) as farm:
            return bool(farm.health().version)
    except ClientError:
        return False


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=_ANSWERS_S).close()
    except (OSError, ValueError):
        return False
    return True
