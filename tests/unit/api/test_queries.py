from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel

from framefarm.api.error_answers import install
from framefarm.api.queries import check_query


class Asked(BaseModel):
    name: str = ""
    tags: list[str] = []


def wanted(state: str = "") -> str:
    return state


@pytest.fixture
def client() -> httpx.AsyncClient:
    api = FastAPI(dependencies=[Depends(check_query)])
    install(api)

    @api.get("/one")
    async def one(
        state: Annotated[str, Depends(wanted)],
        host: Annotated[str, Query(alias="on")] = "",
        kinds: Annotated[list[str] | None, Query(alias="kind")] = None,
    ) -> int:
        del state, host, kinds
        return 1

    @api.get("/two")
    async def two(asked: Annotated[Asked, Query()]) -> int:
        return len(asked.tags)

    @api.get("/")
    async def front() -> int:
        return 0

    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://farm")


@pytest.mark.parametrize(
    "path", ["/one", "/one?state=a&on=b&kind=c&kind=d", "/two?name=a&tags=b&tags=c", "/?from=mail"]
)
async def test_what_a_route_has_may_be_asked_for(client: httpx.AsyncClient, path: str):
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/one?stat=a", "nothing called 'stat' to ask for here; did you mean state?"),
        ("/one?host=a", "there are: kind, on, state."),
        ("/one?State=a", "did you mean state?"),
        ("/one?%0a=", "'\\n'"),
        ("/one?state=a&state=a", "'state' 2 times"),
        ("/one?on=a&kind=b&on=c", "'on' 2 times"),
        ("/two?name=a&name=b", "'name' 2 times"),
        ("/two?tag=a", "did you mean tags?"),
    ],
)
async def test_what_it_has_not_is_told(client: httpx.AsyncClient, path: str, told: str):
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_query")
    assert told in answer.json()["detail"]
