"""The page for people: one self-contained document that no other origin may add to."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final


def _read(name: str) -> str:
    return (files("falaj.http") / "pages" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def docs_page() -> str:
    """Return the page: markup with its style and script inside."""
    page = _read("docs.html")
    return page.replace("/*STYLE*/", _read("docs.css")).replace("/*SCRIPT*/", _read("docs.js"))


@cache
def content_security_policy() -> str:
    """Return the policy under which only this very style and script run, and call only home.

    Source:
        W3C, Content Security Policy Level 3, sections 2.3.1 (hash sources) and 6.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(_read('docs.js'))}",
            f"style-src {_source(_read('docs.css'))}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


HARDENED: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
"""Source: OWASP Secure Headers Project, "Prevent information disclosure and sniffing"."""
