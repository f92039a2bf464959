"""Lambda as the gateway and as boto3 clients call it."""

from typing import Final

from local_region.gateway.lambda_invocation import Invocation, Outcome
from local_region.gateway.messages import Request, Response
from local_region.lambda_service import LambdaApiError, LambdaService
from local_region.lambda_service.rest import RestApi

_REFUSALS: Final = {413: Outcome.TOO_LARGE, 429: Outcome.THROTTLED}
"""What the gateway makes of Lambda's refusals, by their status."""


class LambdaCalls:
    """Two ways into one Lambda service."""

    def __init__(self, functions: LambdaService) -> None:
        self._functions, self._rest = functions, RestApi(functions)

    async def invoke(
        self, function_arn: str, payload: bytes, request_id: str, trace: str
    ) -> Invocation:
        """Invoke as API Gateway does: synchronously, and told what Lambda refused."""
        try:
            result = await self._functions.invoke(
                function_arn, None, payload, request_id=request_id, trace=trace
            )
        except LambdaApiError as error:
            return Invocation(outcome=_REFUSALS.get(error.http_status, Outcome.MISSING))
        return Invocation(
            outcome=Outcome.FUNCTION_ERROR if result.function_error else Outcome.ANSWERED,
            payload=result.payload,
            executed_version=result.executed_version,
        )

    async def serve(self, request: Request) -> Response:
        """Answer one call of the Lambda REST API."""
        reply = await self._rest.handle(
            request.method, request.path, request.query, dict(request.headers), request.body
        )
        return Response(status=reply[0], headers=tuple(reply[1].items()), body=reply[2])
