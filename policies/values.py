"""Looking into JSON values whose shape nobody has promised."""

import ipaddress
from typing import Any, Final

from policies.hidden import inner

EVERYWHERE: Final = ("0.0.0.0/0", "::/0", "0000:0000:0000:0000:0000:0000:0000:0000/0")

_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
        "169.254.0.0/16", "255.255.255.255/32", "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
"""Addresses that no router of the internet carries; the CDK writes 255.255.255.255/32 for nowhere.

Source: iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
"""


def is_private(cidr: str) -> bool:
    """Whether a range of addresses lies wholly in private networks.

    Python's own `is_private` looks at the first and the last address: it believes 0.0.0.0/1.

    Example:
        >>> [is_private(cidr) for cidr in ("10.9.0.0/16", "0.0.0.0/1", "8.8.8.8/32", "?")]
        [True, False, False, False]
    """
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return any(
        network.version == known.version and network.subnet_of(known)  # type: ignore[arg-type]
        for known in _PRIVATE
    )


def is_customers_key(key: object) -> bool:
    """Whether a key is named that is not AWS's own (`alias/aws/sqs`).

    Source: docs.aws.amazon.com/kms/latest/developerguide/concepts.html (AWS managed keys).
    """
    return bool(key) and "alias/aws/" not in str(key)


def at(value: object, path: str) -> Any:  # noqa: ANN401 - a JSON value
    """Return what lies at a dotted path; None where there is nothing.

    Example:
        >>> at({"A": {"B": 1}}, "A.B"), at({"A": "text"}, "A.B")
        (1, None)
    """
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def items(value: object) -> list[Any]:
    """Return a list as it is, nothing as no items, and a single value as the only item."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_true(value: object) -> bool:
    """Whether a flag is on beyond doubt; one that only deployment decides is not."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_off(value: object) -> bool:
    """Whether a flag is off or left out beyond doubt."""
    return value in (None, False) or (isinstance(value, str) and value.lower() == "false")


def strings(value: object, path: str = "") -> list[tuple[str, str]]:
    """Return every string in a value, keys and what strings hide included, with where it stands.

    Example:
        >>> strings({"A": ["b", {"C": 1}]})
        [('A', 'A'), ('A[0]', 'b'), ('A[1].C', 'C')]
        >>> strings({"A": '{"b": "c"}'})[2:]
        [('A<json>.b', 'b'), ('A<json>.b', 'c')]
    """
    found: list[tuple[str, str]] = []
    _collect(value, path, found)
    return found


def _collect(value: object, path: str, found: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        found.append((path, value))
        for notation, hidden in inner(value):
            _collect(hidden, f"{path}<{notation}>", found)
    elif isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            found.append((below, key))
            _collect(item, below, found)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _collect(item, f"{path}[{number}]", found)
