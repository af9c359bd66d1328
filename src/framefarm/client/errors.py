"""What can go wrong between a client and its manager.

ClientError
├── BadFarmUrlError          the address is no http or https address
├── FarmUnreachableError     nothing answers there (retryable)
├── WrongCertificateError    whoever answers there is not who it should be
├── FarmAnswerError          the manager answered, with an error
├── UnreadableAnswerError    something else than a manager answered
├── MissingLinksError        a strict render of a file whose links lead nowhere
├── UnsafeFileNameError      a file of a job would leave the folder it is fetched to
└── DamagedDownloadError     what came is not what was promised
"""

from __future__ import annotations

from framefarm.core.errors import FrameFarmError


class ClientError(FrameFarmError):
    """Something between this process and the manager went wrong."""

    code = "client"


class BadFarmUrlError(ClientError):
    """A manager's address cannot be used.

    Attributes:
        url: What was given.
    """

    code = "bad_url"

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no manager's address; write it like http://127.0.0.1:7070")
        self.url = url


class FarmUnreachableError(ClientError):
    """Nothing answers at a manager's address, or it stopped in the middle.

    Attributes:
        url: The address.
        reason: What the system said.
        refused: Whether a machine answers there, and no program on it listens.
    """

    code = "unreachable"
    retryable = True

    def __init__(self, url: str, reason: object, *, refused: bool = False) -> None:
        super().__init__(f"No manager answers at {url} ({reason}).")
        self.url = url
        self.reason = str(reason)
        self.refused = refused


class WrongCertificateError(ClientError):
    """Whoever answers at an address shows another certificate than it should.

    Attributes:
        url: The address.
    """

    code = "wrong_certificate"

    def __init__(self, url: str) -> None:
        super().__init__(
            f"What answers at {url} shows another certificate than the manager you were invited "
            "by; nothing was sent to it. If the manager was set up anew, ask for a new join token "
            "(`framefarm workers invite` on its machine). Else somebody stands in between."
        )
        self.url = url


class FarmAnswerError(ClientError):
    """The manager refused a request, or failed at it.

    Attributes:
        status: The HTTP status.
        detail: The manager's sentence for people.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    @property
    def retryable(self) -> bool:  # type: ignore[override]  # a fact of the answer here
        """Whether the same request may be answered later."""
        return self.status in (429, 503)


class UnreadableAnswerError(ClientError):
    """An answer is not what a manager says: some other server, or another version of it.

    Attributes:
        url: Whom we asked.
    """

    code = "unreadable_answer"

    def __init__(self, url: str, reason: object) -> None:
        super().__init__(
            f"What answers at {url} does not speak as a FrameFarm manager does ({reason}). "
            "Check the address, and that both sides have the same version."
        )
        self.url = url


class UnsafeFileNameError(ClientError):
    """A file's name would put it outside the folder that it belongs in.

    Attributes:
        name: The name.
    """

    code = "unsafe_name"

    def __init__(self, name: str) -> None:
        super().__init__(f"The job has a file named {name!r}, which is not safe to write here.")
        self.name = name


class DamagedDownloadError(ClientError):
    """A downloaded file's content is not what the manager promised.

    Attributes:
        name: The file.
    """

    code = "damaged_download"
    retryable = True

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} came damaged, twice; fetch again to try once more.")
        self.name = name


class MissingLinksError(ClientError):
    """A strict render of a file that links files which are not there.

    Attributes:
        path: The file.
        missing: What it links, as it names it.
    """

    code = "missing_files"

    def __init__(self, path: object, missing: list[str]) -> None:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        super().__init__(f"{path} links {missing[0]}{more}, which is not there.")
        self.path = path
        self.missing = missing
