"""Every CloudFormation type that this region knows; any other is an error that names it."""

from typing import Final

from local_region.resources import (
    apis,
    functions,
    keys,
    messaging,
    observing,
    operations,
    recorded,
    storage,
)
from local_region.resources.kind import Kind

KINDS: Final[dict[str, Kind]] = {
    "AWS::ApiGateway::Account": recorded.GATEWAY_ACCOUNT,
    "AWS::ApiGateway::Deployment": apis.DEPLOYMENT,
    "AWS::ApiGateway::RestApi": apis.REST_API,
    "AWS::ApiGateway::Stage": apis.REST_STAGE,
    "AWS::ApiGatewayV2::Api": apis.HTTP_API,
    "AWS::ApiGatewayV2::Stage": apis.HTTP_STAGE,
    "AWS::CDK::Metadata": recorded.METADATA,
    "AWS::CloudWatch::Alarm": observing.ALARM,
    "AWS::CloudWatch::Dashboard": recorded.DASHBOARD,
    "AWS::DynamoDB::GlobalTable": storage.TABLE,
    "AWS::DynamoDB::Table": storage.TABLE,
    "AWS::Events::Rule": observing.RULE,
    "AWS::IAM::ManagedPolicy": recorded.MANAGED_POLICY,
    "AWS::IAM::Policy": recorded.POLICY,
    "AWS::IAM::Role": recorded.ROLE,
    "AWS::KMS::Alias": keys.ALIAS,
    "AWS::KMS::Key": keys.KEY,
    "AWS::Lambda::Alias": functions.ALIAS,
    "AWS::Lambda::EventInvokeConfig": observing.EVENT_INVOKE_CONFIG,
    "AWS::Lambda::Function": functions.FUNCTION,
    "AWS::Lambda::LayerVersion": functions.LAYER_VERSION,
    "AWS::Lambda::Permission": functions.PERMISSION,
    "AWS::Lambda::Version": functions.VERSION,
    "AWS::Logs::LogGroup": operations.LOG_GROUP,
    "AWS::S3::Bucket": storage.BUCKET,
    "AWS::S3::BucketPolicy": recorded.RESOURCE_POLICY,
    "AWS::SNS::Subscription": messaging.SUBSCRIPTION,
    "AWS::SNS::Topic": messaging.TOPIC,
    "AWS::SNS::TopicPolicy": recorded.RESOURCE_POLICY,
    "AWS::SQS::Queue": messaging.QUEUE,
    "AWS::SQS::QueuePolicy": recorded.RESOURCE_POLICY,
    "AWS::SSM::Parameter": operations.PARAMETER,
    "AWS::StepFunctions::StateMachine": operations.STATE_MACHINE,
}
