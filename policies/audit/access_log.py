"""Every API writes down who called."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    settings = ("AccessLogSetting", "AccessLogSettings")
    if not any(at(resource.properties, f"{key}.DestinationArn") for key in settings):
        yield "it has no access log"


RULE = Rule(
    id="audit.access-log",
    title="API stages write an access log",
    reason="Without it nobody can say who called what, when, and what was answered.",
    source="https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",
    controls=("ISO-8.15", "ISO-8.16", "IAR-T3"),
    types=("AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage"),
    check=_check,
)
