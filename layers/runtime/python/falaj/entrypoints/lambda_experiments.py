"""Sticky experiments in front of a function's models; imported only where arms are packaged.

What was assigned is logged with every answer, errors included: who was assigned counts, whether the
arm served them well or not.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from falaj import contract
from falaj.contract import CONTEXT_CLAIMS, CONTEXT_SUBJECT
from falaj.errors import FalajError, RequestError
from falaj.experiments.choosing import Choice, choose
from falaj.experiments.live import LiveExperiments
from falaj.experiments.subject import SubjectFault, SubjectSource, Where, pseudonym
from falaj.http.arms import answer_of_arm
from falaj.http.compression import inflated
from falaj.http.documents import parsed_document
from falaj.http.messages import Request, Response
from falaj.http.oip import answer
from falaj.http.routes import target_of
from falaj.http.service import Service

REFRESH: Final = timedelta(seconds=30)

_NOTHING: Final = LiveExperiments()
_Json = Mapping[str, Any]


class Experiments:
    """Assigns requests to arms and says what to log of it.

    Args:
        model: The function's model.
        own_version: The version it serves when nobody asks for another.
        packaged: Every version it holds.
        read: Reads what runs.
        derive_key: Gives the key of pseudonyms; asked until it answers once.
    """

    def __init__(
        self,
        *,
        model: str,
        own_version: int,
        packaged: frozenset[int],
        read: Callable[[], LiveExperiments],
        derive_key: Callable[[], bytes],
    ) -> None:
        self._model, self._own, self._packaged = model, own_version, packaged
        self._read, self._derive_key = read, derive_key
        self._live, self._key = _NOTHING, b""
        self._due: datetime | None = None
        self._logged: dict[str, Any] = {}

    def refresh(self, now: datetime) -> None:
        """Read what runs, at most every 30 s; when it cannot be read, what was known stays.

        Without a key nobody can be named, so nobody takes part.
        """
        if self._due is not None and now < self._due:
            return
        self._due = now + REFRESH
        try:
            self._key = self._key or self._derive_key()
            self._live = self._read()
        except FalajError:
            return

    def answer(self, event: _Json, request: Request, service: Service, now: datetime) -> Response:
        """Answer a request by the arm that its subject has."""
        self._logged = {}
        try:
            target = target_of(request.method, request.path)
        except RequestError:
            return answer(request, service)
        # A caller who names a version gets it, and is in no experiment.
        if target.operation != "infer" or target.version or target.model != self._model:
            return answer(request, service)
        self.refresh(now)
        if not self._key:
            return answer(request, service)
        choice = self._choose(event, request, service)
        if choice.version is not None:
            path = f"/v2/models/{target.model}/versions/{choice.version}/infer"
            request = request._replace(path=path)
        if choice.experiment:
            response = answer_of_arm(request, service, experiment=choice.experiment, arm=choice.arm)
        else:
            response = answer(request, service)
        self._logged = self._keys(choice, request, response)
        return response

    def taken(self) -> dict[str, Any]:
        """Hand over what the request just answered leaves in its line."""
        logged, self._logged = self._logged, {}
        return logged

    def _choose(self, event: _Json, request: Request, service: Service) -> Choice:
        def read_subject(source: SubjectSource) -> str | SubjectFault:
            match source.where:
                case Where.HEADER:
                    return source.read(headers=request.headers)
                case Where.PARAMETER:
                    return source.read(parameters=_parameters(request, service))
                case Where.CLAIM:
                    return source.read(claims=claims_of(event))

        return choose(
            self._live, own_version=self._own, packaged=self._packaged, read_subject=read_subject
        )

    def _keys(self, choice: Choice, request: Request, response: Response) -> dict[str, Any]:
        if not choice.subject:
            return {"unassigned": choice.unassigned} if choice.unassigned else {}
        keys: dict[str, Any] = {
            "experiment_id": choice.experiment,
            "variant": choice.arm,
            "unit": pseudonym(choice.subject, self._key),
            "inference_id": response.headers[contract.HEADER_REQUEST_ID],
        }
        if (covariate := _covariate(request.headers)) is not None:
            keys["covariate"] = covariate
        return keys


def claims_of(event: _Json) -> _Json:
    """Return the claims of the token that API Gateway has verified; none for other callers.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        (`authorizer.jwt.claims`), http-api-lambda-authorizer.html (`authorizer.lambda`),
        apigateway-enable-cognito-user-pool.html (`authorizer.claims`) and
        apigateway-use-lambda-authorizer.html (a REST API's context, flat in `authorizer`).
    """
    context = event.get("requestContext")
    found = context.get("authorizer") if isinstance(context, dict) else None
    if not isinstance(found, dict):
        return {}
    token = found.get("jwt")
    for claims in (
        token.get("claims") if isinstance(token, dict) else None,
        found.get("claims"),
        found.get("lambda"),
    ):
        if isinstance(claims, dict):
            return claims
    return _told(found) if CONTEXT_SUBJECT in found else found


def _told(context: dict[str, Any]) -> _Json:
    """Read the claims that our own authorizer hands on: `sub`, and those that experiments name."""
    claims = {"sub": context[CONTEXT_SUBJECT]}
    text = context.get(CONTEXT_CLAIMS)
    return claims | json.loads(text) if text else claims


def _parameters(request: Request, service: Service) -> _Json:
    """Read a request's own `parameters`; a body that cannot be read has none, and is refused."""
    body, limits = request.body, service.limits
    try:
        if encoding := request.headers.get("content-encoding"):
            body = inflated(body, encoding, limit=limits.body_bytes)
        if length := request.headers.get(contract.HEADER_BINARY_LENGTH):
            body = body[: int(length)]
        found = parsed_document(body, limits).get("parameters")
    except (RequestError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _covariate(headers: Mapping[str, str]) -> float | None:
    text = headers.get(contract.HEADER_COVARIATE)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
