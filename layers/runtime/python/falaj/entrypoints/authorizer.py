"""The REST API's authorizer: a bearer token in, a policy over everything it allows out.

Whoever is not known gets 401, because the handler raises the one word that API Gateway takes for
it; whoever is known and may do nothing gets a policy that denies everything, hence 403.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    and …/api-gateway-lambda-authorizer-lambda-function-create.html (`Unauthorized`), read
    2026-11-22.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from falaj.aws.issuer_keys import IssuerKeys
from falaj.config.access import AccessSettings
from falaj.config.calls import CallSettings
from falaj.contract import (
    CONTEXT_CLAIMS,
    CONTEXT_EXPIRES,
    CONTEXT_SCOPES,
    CONTEXT_SUBJECT,
    CONTEXT_TENANT,
)
from falaj.domain.access import Caller
from falaj.domain.claims import checked_caller
from falaj.domain.clock import Clock, SystemClock
from falaj.domain.execute_policy import policy_document, stage_arn
from falaj.entrypoints.signed import calls_of
from falaj.errors import AccessError, DependencyError, ForbiddenError
from falaj.http.tokens import KeySet, bearer_token, verified_claims
from falaj.telemetry.unplanned import unplanned_line

SYSTEM_CLOCK: Final = SystemClock()
ALL_OTHERS: Final = "*"
PATIENCE_S: Final = 2.0
"""For SSM: without keys nobody is let in, and the function has five seconds."""
_NOBODY: Final = Caller(tenant="", scopes=frozenset())


class NobodyKnownError(Exception):
    """API Gateway reads the message, and answers 401."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Authorizer:
    """Answers a TOKEN authorizer's events.

    Args:
        settings: Whose tokens count, and what they open.
        fetch_keys: Returns the issuer's key set.
        clock: Tells the time.
        write: Takes each line; by default standard output.
    """

    def __init__(
        self,
        settings: AccessSettings,
        fetch_keys: Callable[[], str],
        *,
        clock: Clock = SYSTEM_CLOCK,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._settings, self._rules = settings, settings.rules
        self._keys = KeySet(fetch_keys, algorithms=settings.algorithms, clock=clock)
        self._clock, self._write = clock, write

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Return what the caller may do.

        Raises:
            NobodyKnownError: The token is missing, forged, expired or another's.
            DependencyError: There are no keys; API Gateway answers 500.
        """
        del context
        claims: Mapping[str, Any] = {}
        try:
            claims = self._claims(str(event.get("authorizationToken") or ""))
            caller = checked_caller(claims, self._rules, self._clock.now().timestamp())
        except ForbiddenError as error:
            self._tell("forbidden", str(error))
            claims, caller = {}, _NOBODY
        except AccessError as error:
            self._tell("unauthorized", str(error))
            raise NobodyKnownError from error
        stage = stage_arn(str(event.get("methodArn") or ""))
        return self._answer(caller, stage, claims)

    def _claims(self, header: str) -> Mapping[str, Any]:
        return verified_claims(bearer_token(header), self._keys, self._settings.algorithms)

    def prepare(self) -> None:
        """Read the keys before the first token comes; who cannot read them now does so then."""
        try:
            self._keys.key("")
        except DependencyError as error:
            self._tell("error", str(error))

    def _answer(self, caller: Caller, stage: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        models = self._settings.models.values()
        answer: dict[str, Any] = {
            "principalId": caller.subject or caller.tenant or "nobody",
            "policyDocument": policy_document(caller, models, stage=stage),
            "context": {
                CONTEXT_TENANT: caller.tenant,
                CONTEXT_SUBJECT: caller.subject,
                CONTEXT_SCOPES: " ".join(sorted(caller.scopes or ())),
                CONTEXT_EXPIRES: str(int(caller.expires_at or 0)),
            },
        }
        told = {name: claims[name] for name in self._settings.told_claims if name in claims}
        if told:
            answer["context"][CONTEXT_CLAIMS] = json.dumps(told, separators=(",", ":"))
        keys = self._settings.quota_keys
        if keys:
            answer["usageIdentifierKey"] = keys.get(caller.tenant) or keys[ALL_OTHERS]
            if caller.tenant and caller.tenant not in keys:
                # Once for each token kept: it shares a bucket with everybody who is not named.
                self._write(unplanned_line(caller.tenant, at=self._clock.now()) + "\n")
        return answer

    def _tell(self, outcome: str, reason: str) -> None:
        """Leave a line that says why, and never the token."""
        line = {"level": "INFO", "message": reason, "outcome": outcome, "service": "authorizer"}
        self._write(json.dumps(line) + "\n")


handler: Authorizer


def __getattr__(name: str) -> Authorizer:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings, clock = AccessSettings.from_env(), SYSTEM_CLOCK
    calls = calls_of(CallSettings.from_env("ssm"), "ssm", clock, timeout_s=PATIENCE_S)
    keys = IssuerKeys(calls.post, settings.keys_parameter)
    made = globals()["handler"] = Authorizer(settings, keys.fetch, clock=clock)
    made.prepare()
    return made
