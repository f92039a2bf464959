"""Sticky units: a subject that keeps failing is one fact, not many.

When a subject keeps its version, its requests are no longer split independently; the unit that was
drawn at random is the subject, and each counts once, with its first bad event.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def first_bad_events(
    events: "Iterable[tuple[str, bool]]", seen: frozenset[str] = frozenset()
) -> tuple[int, int, frozenset[str]]:
    """Count each subject's first bad event and forget its later ones.

    Args:
        events: (subject, whether the candidate served it) of each bad event since the last look.
        seen: Subjects counted before, as the last call returned them.

    Returns:
        Bad subjects of the candidate, bad subjects of stable, and everyone counted so far.

    Example:
        >>> candidate, stable, seen = first_bad_events([("a", True), ("a", True), ("b", False)])
        >>> candidate, stable, sorted(seen)
        (1, 1, ['a', 'b'])
        >>> first_bad_events([("a", True)], seen)[:2]
        (0, 0)
    """
    fresh: dict[str, bool] = {}
    for subject, is_candidate in events:
        if subject not in seen:
            fresh.setdefault(subject, is_candidate)
    candidate = sum(fresh.values())
    return candidate, len(fresh) - candidate, seen | fresh.keys()
