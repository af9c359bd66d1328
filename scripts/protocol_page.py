"""The page of the worker protocol, made from the messages themselves."""

# ruff: noqa: E501  a row of a Markdown table cannot be broken

from __future__ import annotations

import inspect
import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from framefarm.protocol import limits, tasks
from framefarm.protocol import messages as m
from framefarm.protocol.manifest import ResultFile, ResultManifest

_INTRO = """\
# The worker protocol

What a worker and the manager say to each other, and what each message or answer calls for. The
types are in `src/framefarm/protocol/`.

## Connecting

A worker opens a WebSocket to `/api/workers/connect` and keeps it. Every text message is a JSON
array of objects, so that what belongs together travels together: a worker's `finished` and the
`ready` beside it are written in one transaction. Each object names its `type`; fields with a
default may be left out; unknown fields are ignored; an unknown type or a value out of range closes
the connection with `bye` of code `malformed` and close code 1008. So does a binary message, with
1003. A message above the limit closes it with 1009, text that is no UTF-8 with 1007.

The double handshake:

0. The answer that opens the WebSocket has the header `Framefarm-Farm`: the farm's id. The worker
   shows the id and the key that this farm gave it, if it has any, and those of no other farm.
1. The worker's first report is `hello`. Nothing else may come before it, and it has 10 seconds. A
   worker that the manager does not know, on another machine, shows a join token in it.
2. The manager checks it and answers `welcome`, or `bye`. The first welcome of a new worker holds
   its id and its key; it keeps both and shows them in every later `hello` and in every upload.
   A manager that many workers reach at once, as after its restart, answers the request for the
   WebSocket with 503 and `Retry-After`: the worker comes again after that long, which is its turn.
3. The worker sends `ready` for each slot. The manager answers with `lease` as soon as there is
   work, now or hours later. Before the first lease of a stage on a connection comes its `task`.

A connection lives as long as its worker takes what it is sent and answers pings, which come after
20 seconds without a message and are waited for another 20. One that does not is cut off; the leases
stay the worker's (L8).

A worker whose connection breaks keeps working, connects again with growing, random pauses (rule
L13) of at most 4 seconds, and lists in `hello` the leases it still holds. What it holds and the
manager does not know any more is revoked; what the manager gave and it does not hold is given to
others.
"""

_RULES = """\
## Leases

- A lease lives for `lease_s`. A `heartbeat` every third of that renews all it lists (L3).
- A success counts from any attempt while its unit has no result; a failure only from the current
  attempt (L4).
- The worker keeps finished output until it is acknowledged, and offers it again after every
  reconnect and when `epoch` in `welcome` has changed (L6).
- Repeating a report gives the same answer again (L5).
"""

_ANSWERS = """\
## Answers in `settled`

| answer | to | meaning | the worker |
|---|---|---|---|
| `accepted` | `finished` | the result counts | forgets it |
| `accepted_late` | `finished` | it counts although its lease had ended | forgets it |
| `already_done` | `finished` | another attempt was first | forgets it |
| `gone` | `finished` | no such job, lease or unit any more; or the stage's results need a file | drops it |
| `noted` | `failed` | the attempt counts as failed | goes on |
| `stale` | `failed` | not the current attempt; nothing has changed | goes on |

## Uploading a result: `PUT /api/leases/{lease}/units/{unit}`

For a result with files. Headers: `Authorization: Bearer <the worker's key>`, `Content-Type:
application/vnd.framefarm.result`, `Content-Length`. The body is one line of JSON, the manifest, then
the files' bytes in its order, nothing between them. The result is accepted as a whole or not at all,
and only when every byte is on disk, has the announced hash, and is the picture that was asked for.

| status | body | meaning | the worker |
|---|---|---|---|
| 200 | `{"answer": "accepted"}` or `accepted_late` | it counts | removes it from its outbox |
| 409 | `{"answer": "already_done"}` | another attempt was first | removes it |
| 410 | problem `gone` | no such job or lease any more | removes it |
| 401 | problem `worker_key` | the manager does not know the key | says hello again, then repeats |
| 403 | problem `revoked` | the key counts no more | says hello again, is told `bye`, and ends; the result stays on its disk |
| 413 | problem `too_large` | more than the manager takes | reports `failed`, removes it |
| 422, 400 | problem `hash_differs`, `bad_manifest`, `bad_request`, `cut_short` | other bytes came than were sent | offers it again, three times in all; then reports `failed`, removes it |
| 422 | problem `image_mismatch`, `image_damaged`, `not_what_was_asked` | not what was asked for | reports `failed` with reason `error`, removes it |
| 429, 503 | problem, `Retry-After` | busy or stopping | repeats after that long |
| 507 | problem `disk_full` | no room (L14) | keeps it, repeats later |
| no answer | | unknown whether it counts | repeats; the answer will be the same |

Every problem is `application/problem+json` (RFC 9457) with `code` for programs and `detail` for
people.

## Fetching what a unit needs: `GET /api/blobs/{sha256}`

`Range` is honoured, so a broken download goes on where it stopped. 404 means that the manager has no
such file: the worker reports `failed` with reason `input_missing`. 403 `not_leased` means that no
lease of this worker needs it, or does any more, nor the job in whose session it is; it is answered whether the manager has the file or
not, and the worker gives up as with 404. Where its lease had been taken away, that report changes
nothing (L4).
"""

_REACTIONS = {
    m.Hello: "The manager answers `welcome` or `bye`. A second hello closes the connection. With a new"
    " `boot_id` all the worker held is free again, but what it names as `owed`; what it names as"
    " `interrupted` counts as a unit that killed a worker.",
    m.Ready: "The manager answers `lease` once there is work that suits. A slot that was not offered"
    " in `hello` closes the connection.",
    m.Heartbeat: "The manager answers nothing, or `revoke` for what is not the worker's any more.",
    m.Progress: "Not answered.",
    m.Finished: "The manager answers `settled`.",
    m.Failed: "The manager answers `settled`. The unit is tried again, by other workers first: in"
    " front of all others the first time, at the end later on. After errors on three different workers,"
    " after three where fewer could do it, or with reason `refused`, it is failed. After"
    " `out_of_memory` it goes only where there is more. Who fails units of a stage one after the other"
    " gets the next of that stage after a pause.",
    m.Released: "Not answered. The units are pending again at once, and nobody is blamed.",
    m.GotFiles: "Not answered; people are told, and the manager remembers it of its session.",
    m.FactsChanged: "Not answered.",
    m.LogLine: "Not answered; it appears in the manager's log.",
    m.Welcome: "The worker stores `worker_id` and `key`, offers its outbox if `epoch` is new, and"
    " sends `ready` for each slot.",
    m.Task: "The worker keeps it for the leases that name its stage.",
    m.Lease: "The slot works off the units in order. What shows no progress for `stall_s` it ends and"
    " reports as `stalled`; if it does not, the manager revokes the lease a lease's life later.",
    m.Prefetch: "The worker fetches the files into its cache beside whatever it does, one such order"
    " after the other, and answers `got_files`. The same order again while it does so is answered with"
    " it. One that ends ignores it.",
    m.Settled: "See the answers below.",
    m.Revoke: "The worker stops those units at once and uploads nothing more of them, unless a result"
    " is finished already.",
    m.Drain: "The worker ends what it has and sends no more `ready`.",
    m.Enable: "The worker sends `ready` again for its idle slots.",
    m.Disable: "The worker sends `released` for every lease and no more `ready`.",
    m.Restart: "The worker ends what it has (or gives it back, with `at_once`), hands in what is"
    " finished, and starts anew with a new boot id.",
    m.Query: "The worker answers `facts`.",
    m.Bye: "The worker closes. With `retry_in_s` it comes again after that long; without, it stops"
    " and tells its user the reason.",
}


def protocol_page(notice: str) -> str:
    """The page, as Markdown."""
    structs = (
        m.SlotOffer,
        m.BlenderOffer,
        m.MachineFacts,
        m.GpuFacts,
        m.UnitFacts,
        m.InputFile,
        m.SceneFile,
    )
    of_tasks = (tasks.RenderTask, tasks.MovieTask, tasks.JoinTask, tasks.TrialTask)
    parts = [
        notice,
        _INTRO,
        _RULES,
        "## Reports: worker to manager\n",
        *(_message(one) for one in get_args(m.Report)),
        "## Orders: manager to worker\n",
        *(_message(one) for one in get_args(m.Order)),
        _ANSWERS,
        "## The manifest of a result\n",
        *(_struct(one) for one in (ResultManifest, ResultFile)),
        "## Objects inside messages\n",
        *(_struct(one) for one in structs),
        "## Settings of each kind of stage\n",
        "What `settings` of a `task` holds.\n",
        *(_struct(one) for one in of_tasks),
        _limits(),
    ]
    return "\n".join(parts)


def _message(message: Any) -> str:
    title = f"### `{message.__struct_config__.tag}`"
    return _section(title, message, after=f"*{_REACTIONS[message]}*\n")


def _struct(struct: Any) -> str:
    return _section(f"### {struct.__name__}", struct)


def _section(title: str, struct: Any, *, after: str = "") -> str:
    prose, told = _documented(struct)
    rows = [
        f"| `{field.encode_name}` | {_type(hint)} | {_default(field)} | {told.get(field.name, '')} |"
        for field, hint in _fields(struct)
    ]
    table = ["| field | type | default | |", "|---|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"{title}\n", f"{prose}\n", *table, *([after] if after else [])])


def _fields(struct: Any) -> list[tuple[Any, Any]]:
    hints = get_type_hints(struct, include_extras=True)
    return [(field, hints[field.name]) for field in msgspec.structs.fields(struct)]


def _documented(struct: Any) -> tuple[str, dict[str, str]]:
    """A docstring's text, and what its `Attributes` section says of each field."""
    text, _, section = inspect.cleandoc(struct.__doc__ or "").partition("Attributes:\n")
    told: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", section):
        names, _, meaning = entry.strip().partition(": ")
        for name in names.split(", "):
            told[name] = re.sub(r"\s+", " ", meaning).replace("|", "\\|")
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text.strip()), told


_PLAIN = {
    int: "integer",
    str: "string",
    float: "number",
    bool: "true or false",
    Any: "anything",
    types.NoneType: "null",
    msgspec.Raw: "object",
}


def _type(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(arguments[0]) + _bounds(arguments[1])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(one) for one in arguments)
    if origin is tuple:
        return f"array of {_type(arguments[0])}"
    if origin is dict:
        return f"object of {_type(arguments[1])}"
    return _PLAIN.get(hint) or f"[{hint.__name__}](#{hint.__name__.lower()})"


def _bounds(meta: msgspec.Meta) -> str:
    if meta.pattern:
        return f" like `{meta.pattern}`"
    if meta.max_length:
        return f", at most {meta.max_length} characters"
    low = meta.ge if meta.ge is not None else meta.gt
    high = meta.le if meta.le is not None else meta.lt - 1
    return f", {low:,} to {high:,}"


def _default(field: Any) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default_factory()).decode()}`"
    if field.default is msgspec.NODEFAULT:
        return "required"
    return f"`{msgspec.json.encode(field.default).decode()}`"


def _limits() -> str:
    rows = [f"| `{name}` | {value:,} |" for name, value in vars(limits).items() if name.isupper()]
    return "\n".join(
        [
            "## Limits\n",
            "Both sides keep them; what is larger is refused.\n",
            "| limit | value |",
            "|---|---|",
            *rows,
            "",
        ]
    )
