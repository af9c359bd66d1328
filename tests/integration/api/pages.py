"""What a browser asks of the manager's pages, and what all of them are like."""

from __future__ import annotations

import re

import httpx

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TRIES = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:1"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]
"""What pages of others send, and what is said where nobody knows which page it was."""

FAR = {"X-Forwarded-For": "192.0.2.7"}
"""Behind a proxy nobody is local."""


def field(page: str, name: str) -> str:
    """What a page's input of a name has for its attributes."""
    [found] = re.findall(rf"<input[^>]* name={name} ?([^>]*)>", page)
    return str(found)


def is_page(answer: httpx.Response, status: int = 200) -> str:
    """Check that an answer is a page as they all are; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert not re.search("<(script|img|link|iframe|object|base)| on[a-z]+=| style=", answer.text)
    return answer.text
