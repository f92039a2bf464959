"""The web ACL before a REST API: rate by address, sizes, and AWS's managed rules.

Sources, read 2026-11-22:
    docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html (core rule
    set, known bad inputs) and …-ip-rep.html (reputation list);
    …/waf-rule-statement-type-rate-based.html (per address in five minutes, at least 10);
    …/waf-oversize-request-components.html: of a body before API Gateway, 16 KB are looked at;
    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-aws-waf.html.
"""

from typing import Any, Final

from aws_cdk import Fn, aws_apigateway as rest, aws_logs as logs, aws_wafv2 as waf
from constructs import Construct

from infra.config.profile import ProfileSettings
from infra.constructs.keeping import keep

PER_ADDRESS: Final = 6000
"""Requests of one address in five minutes: twenty a second. A back end behind one address that
needs more is let through by its operator's own rule."""

LONGEST_PATH_BYTES: Final = 1024
LONGEST_QUERY_BYTES: Final = 4096
_TOO_MANY_DIGITS: Final = r"^[0-9]{8,}$"
"""A stated length of 10,000,000 bytes and more: over what API Gateway takes."""

BODY_RULES: Final = (
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "SizeRestrictions_BODY",
)
"""Of the core rule set, those that read the body: tensors are data that nobody runs, texts may hold
anything, and 8 KB is less than one picture. They are counted, not refused."""

_LOG_PREFIX: Final = "aws-waf-logs-"
"""WAF writes to no log group of another name.

Source: docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html.
"""


class WebAcl(Construct):
    """A regional web ACL, bound to a stage, with its log.

    Attributes:
        acl: The web ACL.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        stage: rest.CfnStage,
        settings: ProfileSettings,
        key_arn: str | None,
    ) -> None:
        """Make the web ACL.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            stage: What it guards.
            settings: How long its log is kept.
            key_arn: The customer's key for the log.
        """
        super().__init__(scope, id_)
        self.acl = waf.CfnWebACL(
            self,
            "Resource",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen("FalajApi"),
            rules=[
                self._rule(
                    priority, name, statement, managed="managedRuleGroupStatement" in statement
                )
                for priority, (name, statement) in enumerate(_statements().items())
            ],
        )
        waf.CfnWebACLAssociation(
            self,
            "Guards",
            resource_arn=Fn.sub(
                "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}",
                {"Api": stage.rest_api_id, "Stage": stage.ref},
            ),
            web_acl_arn=self.acl.attr_arn,
        )
        self._log(settings, key_arn, stage.rest_api_id)

    def _rule(
        self, priority: int, name: str, statement: dict[str, Any], *, managed: bool
    ) -> waf.CfnWebACL.RuleProperty:
        actions: dict[str, Any] = (
            {"override_action": waf.CfnWebACL.OverrideActionProperty(none={})}
            if managed
            else {"action": waf.CfnWebACL.RuleActionProperty(block={})}
        )
        return waf.CfnWebACL.RuleProperty(
            name=name,
            priority=priority,
            statement=statement,
            visibility_config=_seen(name),
            **actions,
        )

    def _log(self, settings: ProfileSettings, key_arn: str | None, api_id: str) -> None:
        group = logs.CfnLogGroup(
            self,
            "Logs",
            # The API's id ends it: a kept group is not in the way of the next API's.
            log_group_name=Fn.join("", [_LOG_PREFIX, api_id]),
            retention_in_days=settings.log_retention_days,
            kms_key_id=key_arn,
        )
        keep(group)
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[
                Fn.sub(
                    "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}",
                    {"Group": group.ref},
                )
            ],
            # Nobody's ordinary request is kept, and of those that were stopped not what tells who.
            logging_filter=_ONLY_STOPPED,
            redacted_fields=[
                *({"singleHeader": {"Name": name}} for name in PERSONAL_HEADERS),
                {"queryString": {}},
                {"uriPath": {}},
            ],
        )


PERSONAL_HEADERS: Final = (
    "authorization",
    "baggage",
    "cookie",
    "forwarded",
    "referer",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-api-key",
    "x-forwarded-for",
    "x-request-id",
    "x-user-id",
)
"""What names or follows a person; a token in a log is a key under the mat besides.

A log holds every header, and WAF leaves out only those that it is told by name: whatever else a
request that was stopped carries is in it.

Source:
    docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html (UriPath, QueryString,
    SingleHeader and Method) and API_LoggingFilter.html, read 2026-11-22.
"""
_ONLY_STOPPED: Final = {
    "DefaultBehavior": "DROP",
    "Filters": [
        {
            "Behavior": "KEEP",
            "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
        }
    ],
}


def _statements() -> dict[str, dict[str, Any]]:
    none = [{"priority": 0, "type": "NONE"}]

    def longer(field: dict[str, Any], size: int) -> dict[str, Any]:
        return {
            "sizeConstraintStatement": {
                "comparisonOperator": "GT",
                "fieldToMatch": field,
                "size": size,
                "textTransformations": none,
            }
        }

    return {
        "TooOftenFromOneAddress": {
            "rateBasedStatement": {"limit": PER_ADDRESS, "aggregateKeyType": "IP"}
        },
        "PathTooLong": longer({"uriPath": {}}, LONGEST_PATH_BYTES),
        "QueryTooLong": longer({"queryString": {}}, LONGEST_QUERY_BYTES),
        "BodyTooLong": {
            "regexMatchStatement": {
                "fieldToMatch": {"singleHeader": {"Name": "content-length"}},
                "regexString": _TOO_MANY_DIGITS,
                "textTransformations": none,
            }
        },
        "AddressesOfIllRepute": _managed("AWSManagedRulesAmazonIpReputationList"),
        "KnownBadInputs": _managed("AWSManagedRulesKnownBadInputsRuleSet"),
        "Core": _managed("AWSManagedRulesCommonRuleSet", counted=BODY_RULES),
    }


def _managed(name: str, *, counted: tuple[str, ...] = ()) -> dict[str, Any]:
    group: dict[str, Any] = {"vendorName": "AWS", "name": name}
    if counted:
        group["ruleActionOverrides"] = [
            {"name": rule, "actionToUse": {"count": {}}} for rule in counted
        ]
    return {"managedRuleGroupStatement": group}


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    """Count what matches; keep no samples, which hold headers."""
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
