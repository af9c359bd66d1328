"""One description of each call, for two ways of making it: at once, or awaited.

A call is written down once, as a method that returns what to ask and how to read the answer:

    @call
    def job(self, job: int) -> Ask[JobView]:
        return get(f"/api/jobs/{job}", JobView)

`Farm` makes it when it is called, `AsyncFarm` when it is awaited; both have the same methods with
the same arguments, and a type checker knows each of them.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import update_wrapper
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload
from urllib.parse import urlencode

import msgspec

from framefarm.client.errors import UnreadableAnswerError
from framefarm.client.events import StreamedEvent
from framefarm.client.reading import read_json
from framefarm.client.refusals import refusal
from framefarm.client.transport import ONCE, Answer
from framefarm.core.plain_text import plain

_T = TypeVar("_T")
_U = TypeVar("_U")
_PageT = TypeVar("_PageT", bound="_HasNext")
_A = TypeVar("_A")
_P = ParamSpec("_P")
OK = frozenset({200, 201, 204, 206})


class _HasNext(Protocol):
    @property
    def next(self) -> str | int | None: ...


# --- what is asked ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask(Generic[_T]):
    """One request, and how its answer is read.

    Attributes:
        read: Of the body of a good answer. May raise what msgspec raises.
        key: By which the manager knows it when it comes again; empty where that does no harm, or
            must not be.
    """

    method: str
    path: str
    read: Callable[[bytes], _T]
    body: bytes = b""
    key: str = ""

    def then(self, pick: Callable[[_T], _U]) -> Ask[_U]:
        """The same, of whose answer something is picked."""

        def read(content: bytes) -> _U:
            return pick(self.read(content))

        return Ask(self.method, self.path, read, self.body, self.key)

    @property
    def headers(self) -> dict[str, str]:
        """What the body is, and the key."""
        body = {"Content-Type": "application/json"} if self.body else {}
        return {**body, ONCE: self.key} if self.key else body


@dataclass(frozen=True, slots=True)
class Pages(Generic[_T]):
    """A list that comes in pages.

    Attributes:
        ask: Asks for the page at a place, of so many at most.
        most: On one page.
        limit: In all; None for all there are.
        place: Where the next page begins; None for the beginning.
    """

    ask: Callable[[str | int | None, int], Ask[tuple[Sequence[_T], str | int | None]]]
    most: int
    limit: int | None = None
    place: str | int | None = None

    @property
    def size(self) -> int:
        """How many are wanted of the next page; none when there is none."""
        return self.most if self.limit is None else min(self.most, self.limit)

    def page(self) -> Ask[tuple[Sequence[_T], str | int | None]]:
        """Asks for the next page."""
        return self.ask(self.place, self.size)

    def after(self, items: Sequence[_T], place: str | int | None) -> Pages[_T]:
        """What is left when the next page has come, and says where it goes on."""
        if place is None or not items:
            return replace(self, limit=0)
        left = None if self.limit is None else self.limit - len(items)
        return replace(self, limit=left, place=place)


@dataclass(frozen=True, slots=True)
class Stream(Generic[_T]):
    """Events as they happen.

    Attributes:
        read: Turns an event into its type; None for one that this version does not know.
        goes_on: Whether it goes on where it broke off; else it begins with how things are then.
    """

    path: str
    read: Callable[[StreamedEvent], _T | None]
    goes_on: bool = False
    place: list[str] = field(default_factory=lambda: [""])

    @property
    def headers(self) -> dict[str, str]:
        """Where to go on."""
        after = {"Last-Event-ID": self.place[0]} if self.goes_on and self.place[0] else {}
        return {"Accept": "text/event-stream", **after}

    def take(self, url: str, event: StreamedEvent) -> _T | None:
        """Read one event, and remember its place.

        Raises:
            UnreadableAnswerError: It is not what such an event carries.
        """
        try:
            found = self.read(event)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UnreadableAnswerError(url, error) from error
        self.place[0] = event.id or self.place[0]
        return found


def get(path: str, kind: type[_T]) -> Ask[_T]:
    """Ask for something."""
    return Ask("GET", path, lambda content: read_json(content, kind))


def change(path: str, kind: type[_T], body: bytes = b"", *, method: str = "POST") -> Ask[_T]:
    """Ask for a change; the answer tells what is there now."""
    return Ask(method, path, lambda content: read_json(content, kind), body)


def make(path: str, kind: type[_T], body: bytes) -> Ask[_T]:
    """Ask for something new, which is made once also where the connection breaks meanwhile."""
    key = secrets.token_urlsafe(24)
    return Ask("POST", path, lambda content: read_json(content, kind), body, key)


def tell(path: str, body: bytes = b"", *, method: str = "POST") -> Ask[None]:
    """Ask for a change that has no answer."""
    return Ask(method, path, lambda _: None, body)


def text(path: str) -> Ask[str]:
    """Ask for a text; it is safe to show."""
    return Ask("GET", path, lambda content: plain(content.decode(errors="replace")))


def pages(
    path: str,
    page: type[_PageT],
    items: Callable[[_PageT], Sequence[_T]],
    *,
    most: int,
    limit: int | None = None,
    cursor: str = "cursor",
    **asked: Any,
) -> Pages[_T]:
    """Ask for a list.

    Args:
        items: What is on a page.
        most: On one page.
        limit: In all.
        cursor: What the place of a page is called.
        asked: Further parameters; None is left out.
    """

    def ask(place: str | int | None, size: int) -> Ask[tuple[Sequence[_T], str | int | None]]:
        given = {**asked, "limit": size, cursor: place}
        query = urlencode({key: one for key, one in given.items() if one is not None}, doseq=True)

        def read(content: bytes) -> tuple[Sequence[_T], str | int | None]:
            found = read_json(content, page)
            return items(found), found.next

        return Ask("GET", f"{path}?{query}", read)

    return Pages(ask, most, limit)


def read_answer(url: str, ask: Ask[_T], answer: Answer) -> _T:
    """What an answer says.

    Raises:
        FarmAnswerError: That it was refused.
        UnreadableAnswerError: Nothing that a manager says.
    """
    if answer.status not in OK:
        raise refusal(answer.status, answer.content)
    try:
        return ask.read(answer.content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableAnswerError(url, error) from error


# --- who asks -----------------------------------------------------------------------------------


class Synchronous:
    """Makes calls when they are called."""

    def _ask(self, ask: Ask[_T]) -> _T:
        raise NotImplementedError

    def _follow(self, stream: Stream[_T]) -> Iterator[_T]:
        raise NotImplementedError

    def _list(self, asked: Pages[_T]) -> Iterator[_T]:
        while asked.size > 0:
            items, place = self._ask(asked.page())
            yield from items
            asked = asked.after(items, place)


class Asynchronous:
    """Makes calls when they are awaited."""

    async def _ask(self, ask: Ask[_T]) -> _T:
        raise NotImplementedError

    def _follow(self, stream: Stream[_T]) -> AsyncIterator[_T]:
        raise NotImplementedError

    async def _list(self, asked: Pages[_T]) -> AsyncIterator[_T]:
        while asked.size > 0:
            items, place = await self._ask(asked.page())
            for item in items:
                yield item
            asked = asked.after(items, place)


# --- how it is written down ---------------------------------------------------------------------


class _Written(Generic[_P, _A]):
    """A method of a farm, written down once as what it asks for.

    Attributes:
        _performs: Which of the farm's methods asks for it.
    """

    _performs: ClassVar[str]

    def __init__(self, describe: Callable[Concatenate[Any, _P], _A]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__
        self.__wrapped__ = describe

    def _of(self, farm: Any) -> Any:
        if farm is None:
            return self
        describe, perform = self._describe, getattr(farm, self._performs)

        def method(*args: Any, **named: Any) -> Any:
            return perform(describe(farm, *args, **named))

        return update_wrapper(method, describe)


class _Iterated(_Written[_P, _A], Generic[_P, _A, _T]):
    @overload
    def __get__(self, farm: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, farm: Synchronous, owner: type[Any]) -> Callable[_P, Iterator[_T]]: ...
    @overload
    def __get__(self, farm: Asynchronous, owner: type[Any]) -> Callable[_P, AsyncIterator[_T]]: ...
    def __get__(self, farm: Any, owner: type[Any]) -> Any:
        """The method of one farm."""
        del owner
        return self._of(farm)


class call(_Written[_P, Ask[_T]], Generic[_P, _T]):  # noqa: N801  written as a decorator
    """A method that returns an `Ask` becomes one that asks."""

    _performs = "_ask"

    @overload
    def __get__(self, farm: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, farm: Synchronous, owner: type[Any]) -> Callable[_P, _T]: ...
    @overload
    def __get__(
        self, farm: Asynchronous, owner: type[Any]
    ) -> Callable[_P, Coroutine[Any, Any, _T]]: ...
    def __get__(self, farm: Any, owner: type[Any]) -> Any:
        """The method of one farm."""
        del owner
        return self._of(farm)


class listed(_Iterated[_P, Pages[_T], _T], Generic[_P, _T]):  # noqa: N801  written as a decorator
    """A method that returns `Pages` becomes an iterator over what is on them."""

    _performs = "_list"


class followed(_Iterated[_P, Stream[_T], _T], Generic[_P, _T]):  # noqa: N801  the same
    """A method that returns a `Stream` becomes an iterator over its events."""

    _performs = "_follow"
