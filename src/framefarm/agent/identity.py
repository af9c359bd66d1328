"""Who this worker is: its id and its key, in a file nobody else may read.

The key never goes into arguments, environments or logs; children such as Blender never see it. A
machine may have worked for several farms. Each gets the key that it gave and no other, so the file
holds one identity for each, with the certificate that the farm's manager showed.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import msgspec

from framefarm.agent.disk import write_durably
from framefarm.agent.errors import IdentityError

FILE_NAME = "identity.json"
_FARMS_REMEMBERED = 20


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a manager gave this worker in its first welcome.

    Attributes:
        worker_id: Its id.
        key: Its secret.
        farm: Which farm that is of; empty when the manager did not say.
        url: Where its manager was last.
        certificate: The only one that the manager is believed by, in PEM form; empty when it speaks
            no TLS, or has one that every machine trusts.
    """

    worker_id: str
    key: str
    farm: str = ""
    url: str = ""
    certificate: str = ""

    def __repr__(self) -> str:
        """Without the key, so that no log line shows it by accident."""
        return f"Identity(worker_id={self.worker_id!r}, farm={self.farm!r}, url={self.url!r})"


class Identities(msgspec.Struct, frozen=True):
    """All identities of a worker.

    Attributes:
        farms: The one welcomed last comes first.
    """

    farms: tuple[Identity, ...] = ()

    @property
    def latest(self) -> Identity | None:
        """The one welcomed last."""
        return self.farms[0] if self.farms else None

    def at(self, farm: str, certificate: str, *, here: bool = False) -> Identity | None:
        """Who the worker is to a farm, whose manager is believed by a certificate if any.

        One that was given under a certificate is shown to nobody who cannot show the same; one of
        the first version, which does not say by which farm, only on this machine.
        """
        for known in self.farms:
            if known.farm == farm and known.certificate in ("", certificate):
                return known
        return next((known for known in self.farms if here and not known.farm), None)

    def with_latest(self, identity: Identity) -> Identities:
        """The same with this one in front, in place of an older one of the same farm."""
        others = tuple(
            known
            for known in self.farms
            if known.farm != identity.farm and known.worker_id != identity.worker_id
        )
        return Identities((identity, *others)[:_FARMS_REMEMBERED])


class _Stored(msgspec.Struct):
    """What the file holds; in the first version it was one identity, of a farm without an id."""

    farms: tuple[Identity, ...] = ()
    worker_id: str = ""
    key: str = ""

    @property
    def identities(self) -> Identities:
        old = (Identity(self.worker_id, self.key),) if self.worker_id else ()
        return Identities(self.farms or old)


class IdentityFile:
    """The file of one agent's identities."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def load(self) -> Identities:
        """Read it; without any identity when this worker never was welcomed.

        Raises:
            IdentityError: The file is there but cannot be used.
        """
        try:
            text = self._path.read_bytes()
            self._close_to_others()
            return msgspec.json.decode(text, type=_Stored).identities
        except FileNotFoundError:
            return Identities()
        except OSError as error:
            raise IdentityError(self._path, f"cannot be read: {error.strerror}") from error
        except msgspec.DecodeError as error:
            reason = f"cannot be read ({error}); delete it to join as a new worker"
            raise IdentityError(self._path, reason) from error

    def save(self, identities: Identities) -> None:
        """Write it, for this user only.

        Raises:
            IdentityError: The disk failed.
        """
        try:
            write_durably(self._path, msgspec.json.encode(identities), mode=0o600)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise IdentityError(self._path, reason) from error

    def _close_to_others(self) -> None:
        # Someone may have copied or restored the file with a wider mode.
        if sys.platform != "win32" and stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            self._path.chmod(0o600)
