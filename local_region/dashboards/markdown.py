"""As much markdown as dashboards' texts have: headings, lists, links, code, emphasis."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_ITEM: Final = re.compile(r"[-*]\s+(.*)")
_INLINE: Final = re.compile(
    r"`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<href>[^)\s]+)\)|\*\*(?P<strong>[^*]+)\*\*"
)
_SAFE: Final = ("http://", "https://", "#")


def html(markdown: str) -> str:
    r"""Write markdown as HTML; whatever else it holds is text.

    Example:
        >>> html("## A <b>\n`x` and [y](https://z.example)")
        '<h3>A &lt;b&gt;</h3><p><code>x</code> and <a href="https://z.example">y</a></p>'
    """
    return "".join(_blocks(markdown.splitlines()))


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    items: list[str] = []
    for line in [*lines, ""]:
        if found := _ITEM.fullmatch(line.strip()):
            items.append(f"<li>{_inline(found[1])}</li>")
            continue
        if items:
            yield f"<ul>{''.join(items)}</ul>"
            items = []
        if found := _HEADING.fullmatch(line.strip()):
            # The page has the first two levels.
            level = min(6, max(3, len(found[1])))
            yield f"<h{level}>{_inline(found[2])}</h{level}>"
        elif line.strip():
            yield f"<p>{_inline(line.strip())}</p>"


def _inline(text: str) -> str:
    parts, position = list[str](), 0
    for found in _INLINE.finditer(text):
        parts += [escape(text[position : found.start()]), _marked(found)]
        position = found.end()
    return "".join([*parts, escape(text[position:])])


def _marked(found: re.Match[str]) -> str:
    for tag in ("code", "strong"):
        if found[tag]:
            return f"<{tag}>{escape(found[tag])}</{tag}>"
    if not found["href"].startswith(_SAFE):
        return escape(found[0])
    return f'<a href="{escape(found["href"])}">{escape(found["text"])}</a>'
