"""Assemblies written by hand, in the CDK's shape, for what one real synthesis cannot show."""

import hashlib
import json

ROLE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}
INVOCATION_URI = (
    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/"
    "2015-03-31/functions/${Function}/invocations"
)
ECHO = """
import json, os

def handler(event, context):
    path = event.get("rawPath") or event.get("path")
    if path.endswith("/fail"):
        raise RuntimeError("as asked")
    if path.endswith("/die"):
        os._exit(7)
    if path.endswith("/slow"):
        import time; print("slow begins", flush=True); time.sleep(3)
    if path.endswith("/big"):
        return {"statusCode": 200, "body": "x" * 6_300_000}
    return {
        "statusCode": 200,
        "headers": {
            "content-type": "application/json",
            "x-falaj-release": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        },
        "body": json.dumps(
            {"event": event, "answer": os.environ.get("ANSWER", ""), "pid": os.getpid()}
        ),
    }
"""


class Assembly:
    """Writes `cdk.out` stack by stack."""

    def __init__(self, folder):
        self.folder, self.artifacts = folder, {}
        folder.mkdir(parents=True, exist_ok=True)

    def code(self, source=ECHO, **files):
        """Add a code asset; return its template location."""
        contents = {"handler.py": source, **files}
        key = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:32]
        folder = self.folder / f"asset.{key}"
        folder.mkdir(exist_ok=True)
        for name, text in contents.items():
            (folder / name).write_text(text)
        return {"S3Bucket": "cdk-assets-me-central-1", "S3Key": f"{key}.zip"}

    def stack(self, name, resources, *, after=(), files=None, region="me-central-1", **sections):
        """Add a stack with an asset manifest that lists every folder here."""
        template = {**sections, "Resources": resources}
        text = json.dumps(template)
        (self.folder / f"{name}.template.json").write_text(text)
        entries = {
            folder.name: {
                "source": {"path": folder.name, "packaging": "zip"},
                "destinations": {
                    "here": {
                        "bucketName": "cdk-assets-me-central-1",
                        "objectKey": f"{folder.name.removeprefix('asset.')}.zip",
                    }
                },
            }
            for folder in self.folder.glob("asset.*")
            if folder.is_dir()
        }
        entries.update(files or {})
        (self.folder / f"{name}.assets.json").write_text(
            json.dumps({"version": "48.0.0", "files": entries})
        )
        self.artifacts[f"{name}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{name}.assets.json"},
        }
        self.artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://000000000000/{region}",
            "properties": {
                "templateFile": f"{name}.template.json",
                "stackName": name,
                "stackTemplateAssetObjectUrl": hashlib.sha256(text.encode()).hexdigest(),
            },
            "dependencies": [f"{name}.assets", *after],
        }
        self.write()
        return self

    def write(self):
        """Write the manifest."""
        (self.folder / "manifest.json").write_text(
            json.dumps({"version": "48.0.0", "artifacts": self.artifacts})
        )


def function(code, *, version="V1", **properties):
    """A function with its role, a version and an alias `live`, as infra makes them."""
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": ROLE_POLICY}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": code,
                "Handler": "handler.handler",
                "Runtime": "python3.11",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "MemorySize": 256,
                "Timeout": 20,
                **properties,
            },
        },
        version: {
            "Type": "AWS::Lambda::Version",
            "Properties": {"FunctionName": {"Ref": "Function"}},
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
        },
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "FunctionVersion": "1",
                "Name": "live",
            },
            "DependsOn": [version],
        },
    }


def integration(arn, *, timeout_ms=10_000, credentials=True, payload_format="2.0"):
    """What an OpenAPI operation says about the function behind it."""
    return {
        "x-amazon-apigateway-any-method": {
            "responses": {},
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "uri": {
                    "Fn::Sub": [
                        INVOCATION_URI,
                        {"Function": arn},
                    ]
                },
                "payloadFormatVersion": payload_format,
                "timeoutInMillis": timeout_ms,
                **({"credentials": {"Fn::GetAtt": ["Role", "Arn"]}} if credentials else {}),
            },
        }
    }


def http_api(paths):
    """An HTTP API with its `$default` stage."""
    return {
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"Body": {"openapi": "3.0.1", "paths": paths}, "FailOnWarnings": True},
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": True},
        },
    }


def rest_api(paths, *, deployment="Deployment1", stage="prod", **body):
    """A REST API with a deployment and a stage."""
    return {
        "Api": {
            "Type": "AWS::ApiGateway::RestApi",
            "Properties": {
                "Name": "Falaj",
                "Body": {"openapi": "3.0.1", "paths": paths, **body},
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
            },
        },
        deployment: {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}},
        },
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "StageName": stage,
                "DeploymentId": {"Fn::GetAtt": [deployment, "DeploymentId"]},
            },
        },
    }
