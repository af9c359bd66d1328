"""`/api/docs`: the API's description as a page.

It is made here from `/api/openapi.json`, without scripts and without anything of other servers:
what a page of this manager runs may do all that a local caller may.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from framefarm.api.openapi import Described

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --key: #0a6cba; }
@media (prefers-color-scheme: dark) { :root { --key: #6cb8f5; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: flex; }
nav { width: 19rem; flex: none; height: 100vh; overflow: auto; position: sticky; top: 0;
  padding: 1rem; border-right: 1px solid var(--line); font-size: 13px; }
nav h2 { font-size: 13px; margin: 1rem 0 .2rem; }
nav a { display: block; color: inherit; text-decoration: none; padding: .1rem 0;
  overflow-wrap: anywhere; }
nav a:hover, nav a:focus { color: var(--key); }
main { padding: 1rem 2rem 6rem; max-width: 62rem; min-width: 0; flex: 1; }
h1 { margin: 0; } h2 { margin-top: 2.5rem; text-transform: capitalize; }
h3 { font: 600 15px ui-monospace, monospace; margin: 0; overflow-wrap: anywhere; }
article { border-top: 1px solid var(--line); padding: 1rem 0; }
b.m { display: inline-block; min-width: 4.2em; color: var(--key); }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: .3rem 0; }
td { border-top: 1px solid var(--soft); padding: .25rem .8rem .25rem 0; vertical-align: top; }
td:first-child { width: 13rem; overflow-wrap: anywhere; }
code, pre { font: 13px ui-monospace, monospace; }
pre { background: var(--soft); padding: .6rem .8rem; white-space: pre-wrap; border-radius: 6px; }
summary { cursor: pointer; } .soft { opacity: .7; } p { margin: .4rem 0; }
@media (max-width: 50rem) { body { display: block; } nav { display: none; } }
"""
_LONGEST_CHOICE = 12


def page(described: Described) -> str:
    """The whole page."""
    by_tag: dict[str, list[tuple[str, str, Described]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append((method, path, operation))
    about = {tag["name"]: tag["description"] for tag in described.get("tags", [])}
    ordered = sorted(by_tag, key=lambda tag: list(about).index(tag) if tag in about else len(about))
    schemas = described["components"]["schemas"]
    info = described["info"]
    return "".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width, initial-scale=1'>",
            f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style>",
            f"<nav><b>{escape(info['title'])} API</b>",
            *(_menu(tag, by_tag[tag]) for tag in ordered),
            "<h2>Shapes</h2>",
            *(f"<a href='#{_id(name)}'>{escape(name)}</a>" for name in sorted(schemas)),
            f"</nav><main><h1>{escape(info['title'])} API <small class=soft>",
            f"{escape(info['version'])}</small></h1>{_text(info['description'])}",
            "<p>The same for programs: <a href='/api/openapi.json'>/api/openapi.json</a> ",
            f"(OpenAPI {escape(described['openapi'])}).",
            *(_section(tag, about.get(tag, ""), by_tag[tag]) for tag in ordered),
            "<h2>Shapes</h2>",
            *(_shape(name, schemas[name]) for name in sorted(schemas)),
            "</main></html>",
        ]
    )


def _menu(tag: str, operations: Iterable[tuple[str, str, Described]]) -> str:
    links = (
        f"<a href='#{_id(method, path)}'>{method.upper()} {escape(path.removeprefix('/api'))}</a>"
        for method, path, _ in operations
    )
    return f"<h2>{escape(tag)}</h2>{''.join(links)}"


def _section(tag: str, about: str, operations: Iterable[tuple[str, str, Described]]) -> str:
    articles = "".join(_article(*operation) for operation in operations)
    return f"<h2>{escape(tag)}</h2><p>{escape(about)}</p>{articles}"


def _article(method: str, path: str, operation: Described) -> str:
    parts = [
        f"<article id='{_id(method, path)}'>",
        f"<h3><b class=m>{method.upper()}</b>{escape(path)}</h3>",
        _text(operation.get("description") or operation.get("summary", "")),
        _table(_parameter(one) for one in operation.get("parameters", [])),
        *_body(operation.get("requestBody")),
        *_answers(operation["responses"]),
        f"<pre>{escape(_curl(method, path, operation))}</pre></article>",
    ]
    return "".join(parts)


def _parameter(parameter: Described) -> tuple[str, str]:
    where = parameter["in"] + (", needed" if parameter.get("required") else "")
    about = parameter.get("description") or parameter["schema"].get("description", "")
    kind = _kind(parameter["schema"])
    return parameter["name"], f"{kind} <span class=soft>{where}</span> {_inline(about)}"


def _body(body: Described | None) -> Iterator[str]:
    for kind, content in (body or {"content": {}})["content"].items():
        schema = content.get("schema", {})
        yield f"<p>Body <code>{escape(kind)}</code>: {_kind(schema)}</p>"
        yield _table(_fields(schema))


def _answers(responses: Described) -> Iterator[str]:
    for status, response in responses.items():
        if status == "default":
            continue
        kinds = ", ".join(
            f"<code>{escape(kind)}</code> {_kind(content.get('schema', {}))}"
            for kind, content in response.get("content", {}).items()
        )
        yield f"<p>Answer <b>{status}</b>: {kinds or 'nothing'}</p>"


def _shape(name: str, schema: Described) -> str:
    kinds = "" if "properties" in schema else f"<p>{_kind(schema)}</p>"
    return (
        f"<article id='{_id(name)}'><h3>{escape(name)}</h3>"
        f"{_text(schema.get('description', ''))}{kinds}{_table(_fields(schema))}</article>"
    )


def _fields(schema: Described) -> Iterator[tuple[str, str]]:
    needed = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        soft = "needed" if name in needed else _default(field)
        about = _inline(field.get("description", ""))
        yield name, f"{_kind(field)} <span class=soft>{soft}</span> {about}"


def _default(schema: Described) -> str:
    default = schema.get("default")
    return "" if default is None or default == "" else f"else {escape(json.dumps(default))}"


def _kind(schema: Described) -> str:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href='#{_id(name)}'>{escape(name)}</a>"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            kinds = (_kind(one) for one in schema[several] if one.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        more = "..." if len(schema["enum"]) > _LONGEST_CHOICE else ""
        listed = (escape(json.dumps(one)) for one in schema["enum"][:_LONGEST_CHOICE])
        return f"<code>{' | '.join(listed)}{more}</code>"
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return f"{escape(str(schema.get('type', 'anything')))}{_bounds(schema)}"


def _bounds(schema: Described) -> str:
    least = schema.get("minimum", schema.get("minLength"))
    most = schema.get("maximum", schema.get("maxLength"))
    if least is None and most is None:
        return ""
    return f" {'' if least is None else least}..{'' if most is None else most}"


def _curl(method: str, path: str, operation: Described) -> str:
    """How to ask, in a shell."""
    words = ["curl"] if method == "get" else ["curl", "--head" if method == "head" else ""]
    if method not in {"get", "head"}:
        words = ["curl", "-X", method.upper()]
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if "multipart/form-data" in content:
        words = ["curl", "-F", "blend=@shot.blend", "-F", "frames=1-48"]
    if example is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", f"'{json.dumps(example)}'"]
    return " ".join([*words, f'"$FRAMEFARM_URL{path}"'])


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{about}" for name, about in rows)
    return f"<table>{cells}</table>" if cells else ""


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part)


def _inline(text: str) -> str:
    """Text with its `code` marked."""
    parts = escape(text).split("`")
    marked = (f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return "".join(marked)


def _id(*parts: Any) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in "-".join(map(str, parts)))
