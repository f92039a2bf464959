"""Which web ACL stands before which stage."""

import re
from typing import Final

from local_region.gateway.messages import Request
from local_region.waf.web_acl import WebAcl

_STAGE: Final = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]+::/restapis/([^/]+)/stages/([^/]+)")


class Firewall:
    """Every web ACL of the region, by ARN, and what each guards."""

    def __init__(self) -> None:
        self.acls: dict[str, WebAcl] = {}
        self._guards: dict[tuple[str, str], str] = {}

    def guard(self, resource_arn: str, acl_arn: str) -> None:
        """Put a web ACL before a stage.

        Raises:
            ValueError: It is no stage of a REST API, or there is no such web ACL.
        """
        found = _STAGE.fullmatch(resource_arn)
        if found is None:
            raise ValueError(f"{resource_arn} is no stage of a REST API; nothing else is guarded")
        if acl_arn not in self.acls:
            raise ValueError(f"there is no web ACL {acl_arn}")
        self._guards[found[1], found[2]] = acl_arn

    def leave(self, resource_arn: str) -> None:
        """Take the web ACL away from a stage."""
        if found := _STAGE.fullmatch(resource_arn):
            self._guards.pop((found[1], found[2]), None)

    def acl_of(self, api: str, stage: str) -> WebAcl | None:
        """Return what stands before a stage; None if nothing does."""
        arn = self._guards.get((api, stage))
        return None if arn is None else self.acls.get(arn)

    def lets_pass(self, api: str, stage: str, request: Request, now: float) -> bool:
        """Decide about a request for a stage at a time, in seconds since 1970."""
        acl = self.acl_of(api, stage)
        return acl is None or acl.lets_pass(request, now)
