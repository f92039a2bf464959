"""Promise: GPU services stand in a network without a way out, and replace releases safely."""

import hashlib
import json
import re

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from falaj.contract import REGION

SHARED = "FalajGpu"
CANARY, ROLLING, LINEAR = "FalajGpuModel-vision", "FalajGpuModel-speech", "FalajGpuModel-search"
SERVICES = (CANARY, ROLLING, LINEAR)
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
ALARM = "AWS::CloudWatch::Alarm"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def deployment(gpu, stack):
    """The service's deployment configuration."""
    return gpu.one(stack, "AWS::ECS::Service")["Properties"]["DeploymentConfiguration"]


def container(gpu, stack, name):
    """A container of the service's task."""
    task = gpu.one(stack, "AWS::ECS::TaskDefinition")["Properties"]
    (found,) = [each for each in task["ContainerDefinitions"] if each["Name"] == name]
    return found


def environment(described):
    """Its environment."""
    return {each["Name"]: each["Value"] for each in described.get("Environment", [])}


def allowed(role):
    """What a role may do, by statement id."""
    return {
        statement["Sid"]: statement
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }


# ------------------------------------------------------------------- network
def test_there_is_no_way_out(gpu):
    """No gateway, no public address: a replica can only answer and call AWS's own endpoints."""
    types = {r["Type"] for r in gpu.template(SHARED)["Resources"].values()}
    assert types & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"} == set()


def test_subnets_lie_in_zones_by_id(gpu):
    """Names of zones differ between accounts; ids do not."""
    subnets = gpu.of_type(SHARED, "AWS::EC2::Subnet").values()
    zones = {subnet["Properties"]["AvailabilityZoneId"] for subnet in subnets}
    assert zones == {"mec1-az1", "mec1-az2", "mec1-az3"}
    assert not any("AvailabilityZone" in subnet["Properties"] for subnet in subnets)


def test_every_service_that_is_called_has_an_endpoint(gpu):
    """Without one an agent cannot register, an image cannot be pulled, a log is lost."""
    endpoints = gpu.of_type(SHARED, "AWS::EC2::VPCEndpoint").values()
    prefix = f"com.amazonaws.{REGION}."
    names = {each["Properties"]["ServiceName"].removeprefix(prefix) for each in endpoints}
    assert names >= {
        "ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr", "s3", "logs", "kms", "lambda"
    }  # fmt: skip


def test_who_may_call_whom(gpu):
    """The link and the breakers reach the balancer, it the replicas, all AWS; nobody else."""
    rules = gpu.of_type(SHARED, "AWS::EC2::SecurityGroupIngress").values()
    found = {
        (
            re.sub(r"Network|[0-9A-F]{8}", "", r["SourceSecurityGroupId"]["Fn::GetAtt"][0])
            if "SourceSecurityGroupId" in r
            else r["CidrIp"],
            re.sub(r"Network|[0-9A-F]{8}", "", r["GroupId"]["Fn::GetAtt"][0]),
            r["FromPort"],
        )
        for r in (rule["Properties"] for rule in rules)
    }
    assert found == {
        ("Link", "Balancer", 443),
        ("Breakers", "Balancer", 443),
        ("10.9.0.0/16", "Balancer", 8443),
        ("Balancer", "Tasks", 8000),
        ("Balancer", "Tasks", 8001),
        ("Tasks", "Endpoints", 443),
        ("Instances", "Endpoints", 443),
        ("Breakers", "Endpoints", 443),
    }


# ------------------------------------------------------------------ machines
def test_machines_ask_for_tokens_and_encrypt_their_disk(gpu):
    """IMDSv2 with one hop, an encrypted volume, AWS's own GPU image, no metadata for replicas."""
    template = gpu.one(SHARED, "AWS::EC2::LaunchTemplate")["Properties"]["LaunchTemplateData"]
    assert template["MetadataOptions"]["HttpTokens"] == "required"
    assert template["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert [disk["Ebs"]["Encrypted"] for disk in template["BlockDeviceMappings"]] == [True]
    assert template["ImageId"].startswith("resolve:ssm:/aws/service/ecs/optimized-ami/")
    assert "ECS_AWSVPC_BLOCK_IMDS=true" in json.dumps(template["UserData"])


def test_g6_comes_before_g5(gpu):
    """The newer card where there is one, and the older where the newer is short."""
    group = gpu.one(SHARED, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    policy = group["MixedInstancesPolicy"]
    types = [each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]]
    assert types == ["g6.xlarge", "g5.xlarge"]
    assert policy["InstancesDistribution"]["OnDemandAllocationStrategy"] == "prioritized"
    assert len(group["VPCZoneIdentifier"]) == 2


def test_ecs_starts_and_stops_machines(gpu):
    """Managed scaling from none; a machine with a replica on it is not taken away."""
    group = gpu.one(SHARED, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    provider = gpu.one(SHARED, "AWS::ECS::CapacityProvider")["Properties"][
        "AutoScalingGroupProvider"
    ]
    assert (group["MinSize"], group["NewInstancesProtectedFromScaleIn"]) == ("0", True)
    assert provider["ManagedScaling"]["Status"] == "ENABLED"
    assert provider["ManagedTerminationProtection"] == "ENABLED"
    assert provider["ManagedDraining"] == "ENABLED"


def test_there_are_machines_for_two_fleets(gpu):
    """Canary and linear need twice the replicas at once (2 × 2 + 2 × 2), rolling its own (1)."""
    group = gpu.one(SHARED, "AWS::AutoScaling::AutoScalingGroup")["Properties"]
    assert group["MaxSize"] == "9"


# ------------------------------------------------------------------ entrance
def test_the_balancer_is_internal_and_speaks_tls(gpu):
    """TLS 1.3 for the API with 1.2 beside it, TLS 1.3 alone for gRPC."""
    balancer = gpu.one(SHARED, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Properties"]
    listeners = {
        r["Properties"]["Port"]: r["Properties"] for r in gpu.of_type(SHARED, LISTENER).values()
    }
    assert balancer["Scheme"] == "internal"
    assert {port: listener["Protocol"] for port, listener in listeners.items()} == {
        443: "HTTPS",
        8443: "HTTPS",
    }
    assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    assert listeners[8443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"


def test_grpc_clients_show_a_certificate(gpu):
    """With a trust bundle the listener verifies; the API's, which has none to show, does not."""
    listeners = {
        r["Properties"]["Port"]: r["Properties"] for r in gpu.of_type(SHARED, LISTENER).values()
    }
    assert listeners[8443]["MutualAuthentication"]["Mode"] == "verify"
    assert "MutualAuthentication" not in listeners[443]
    trust = gpu.one(SHARED, "AWS::ElasticLoadBalancingV2::TrustStore")["Properties"]
    assert trust["CaCertificatesBundleS3Key"] == "clients.pem"


def test_health_is_asked_in_each_protocol(gpu):
    """REST by readiness, gRPC by the health protocol, every five seconds."""
    groups = [r["Properties"] for r in gpu.of_type(CANARY, GROUP).values()]
    asked = {
        (g["Port"], g["ProtocolVersion"], g["HealthCheckPath"], *g["Matcher"].values())
        for g in groups
    }
    assert asked == {
        (8000, "HTTP1", "/v2/health/ready", "200"),
        (8001, "GRPC", "/grpc.health.v1.Health/Check", "0"),
    }
    assert {g["HealthCheckIntervalSeconds"] for g in groups} == {5}


def test_each_model_has_its_own_paths_and_name(gpu):
    """REST by path; gRPC, whose path names no model, by host."""
    rules = [r["Properties"] for r in gpu.of_type(CANARY, RULE).values()]
    conditions = [
        value
        for rule in rules
        for condition in rule["Conditions"]
        for key in ("PathPatternConfig", "HostHeaderConfig")
        for value in condition.get(key, {}).get("Values", [])
    ]
    assert conditions == [
        "/v2/models/vision",
        "/v2/models/vision/*",
        "vision.gpu.example.ae",
        "/inference.GRPCInferenceService/*",
    ]


# --------------------------------------------------------------------- tasks
def test_a_replica_has_one_gpu_and_no_rights_of_the_host(gpu):
    """Own network, own user, no capability, a root it cannot write."""
    task = gpu.one(CANARY, "AWS::ECS::TaskDefinition")["Properties"]
    server = container(gpu, CANARY, "server")
    assert task["NetworkMode"] == "awsvpc"
    assert server["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    assert (server["User"], server["Privileged"], server["ReadonlyRootFilesystem"]) == (
        "10001",
        False,
        True,
    )
    assert server["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


def test_models_are_in_place_before_the_server_starts(gpu):
    """The same image fetches the stack's archive into a volume that the server only reads."""
    fetch, server = container(gpu, CANARY, "fetch"), container(gpu, CANARY, "server")
    assert server["DependsOn"] == [{"ContainerName": "fetch", "Condition": "SUCCESS"}]
    assert fetch["Image"] == server["Image"]
    assert server["MountPoints"][0] == {
        "SourceVolume": "models",
        "ContainerPath": "/models",
        "ReadOnly": True,
    }
    key = environment(fetch)["FALAJ_MODEL_ARCHIVE"]["Fn::Sub"][1]["Key"]
    assert key.removesuffix(".zip") in gpu.assets(CANARY)


def test_a_replica_may_read_its_models_and_protect_itself_only(gpu):
    """One object, and its own cluster's tasks; a bank's reads tenants' keys for its records."""
    roles = {id_: r for id_, r in gpu.of_type(CANARY, "AWS::IAM::Role").items() if "Does" in id_}
    (role,) = roles.values()
    for_records = {"ReadTenantKeys", "DecryptTenantKeys"}
    assert {
        sid: statement["Action"]
        for sid, statement in allowed(role).items()
        if sid not in for_records
    } == {
        "ReadModels": ["s3:GetObject"],
        "ProtectItself": ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"],
    }


def test_the_image_is_built_from_this_repository(gpu):
    """By its digest, into the account's own registry, for the machines' processors."""
    images = json.loads((gpu.folder / f"{CANARY}.assets.json").read_bytes())["dockerImages"]
    (image,) = images.values()
    context = gpu.folder / image["source"]["directory"]
    assert image["source"]["dockerFile"] == "gpu_endpoints/Dockerfile"
    assert image["source"]["platform"] == "linux/amd64"
    assert (context / "gpu_endpoints/Dockerfile").is_file()


def test_functions_and_containers_run_one_tree(gpu):
    """The layer that the foundation publishes and the image's context hold the same files."""
    images = json.loads((gpu.folder / f"{CANARY}.assets.json").read_bytes())["dockerImages"]
    (image,) = images.values()
    context = gpu.folder / image["source"]["directory"] / "layers/runtime/python"
    layers = [
        gpu.folder / file["source"]["path"] / "python"
        for file in gpu.assets("FalajFoundation").values()
        if (gpu.folder / file["source"]["path"] / "python/falaj").is_dir()
    ]
    assert len(layers) == 1
    assert tree(context) == tree(layers[0])


def tree(root):
    """Every source file below a folder with its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


# ------------------------------------------------------------------ releases
def test_canary_moves_a_share_and_waits(gpu):
    """release.steps[0] of the requests for release.bake, then all; both fleets stay a while."""
    found = deployment(gpu, CANARY)
    assert found["Strategy"] == "CANARY"
    assert found["CanaryConfiguration"] == {"CanaryPercent": 5, "CanaryBakeTimeInMinutes": 10}
    assert found["BakeTimeInMinutes"] == 15
    assert (found["MinimumHealthyPercent"], found["MaximumPercent"]) == (100, 200)


def test_linear_moves_equal_shares(gpu):
    """The first step is every step."""
    found = deployment(gpu, LINEAR)
    assert found["Strategy"] == "LINEAR"
    assert found["LinearConfiguration"] == {"StepPercent": 5, "StepBakeTimeInMinutes": 10}


def test_rolling_needs_one_gpu_and_has_a_circuit_breaker(gpu):
    """Where there is one GPU, the old replica goes before the new one comes."""
    found = deployment(gpu, ROLLING)
    assert found["Strategy"] == "ROLLING"
    assert found["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (found["MinimumHealthyPercent"], found["MaximumPercent"]) == (0, 100)
    service = gpu.one(ROLLING, "AWS::ECS::Service")["Properties"]
    assert not any("AdvancedConfiguration" in each for each in service["LoadBalancers"])


def test_two_fleets_share_a_rule_that_ecs_alone_moves(gpu):
    """Blue and green of each protocol, and a role that may move exactly these two rules."""
    service = gpu.one(CANARY, "AWS::ECS::Service")["Properties"]
    rules = gpu.of_type(CANARY, RULE)
    for balancer in service["LoadBalancers"]:
        advanced = balancer["AdvancedConfiguration"]
        (rule,) = [
            r for id_, r in rules.items() if advanced["ProductionListenerRule"] == {"Ref": id_}
        ]
        targets = rule["Properties"]["Actions"][0]["ForwardConfig"]["TargetGroups"]
        assert [(t["TargetGroupArn"], t["Weight"]) for t in targets] == [
            (balancer["TargetGroupArn"], 100),
            (advanced["AlternateTargetGroupArn"], 0),
        ]
    (role,) = [r for id_, r in gpu.of_type(CANARY, "AWS::IAM::Role").items() if "Shifts" in id_]
    shift = allowed(role)["Shift"]
    assert shift["Action"] == ["elasticloadbalancing:ModifyRule"]
    assert shift["Resource"] == [{"Ref": id_} for id_ in rules]


@pytest.mark.parametrize("stack", SERVICES)
def test_every_rollback_alarm_exists_before_the_service_hears_of_it(gpu, stack):
    """ECS refuses alarms that are not there; a name without an alarm would never roll back."""
    named = deployment(gpu, stack)["Alarms"]
    alarms = gpu.of_type(stack, ALARM)
    by_name = {alarm["Properties"]["AlarmName"]: id_ for id_, alarm in alarms.items()}
    assert named["Enable"] is named["Rollback"] is True
    assert set(named["AlarmNames"]) <= set(by_name)
    depends = gpu.one(stack, "AWS::ECS::Service")["DependsOn"]
    assert {by_name[name] for name in named["AlarmNames"]} <= set(depends)


def test_alarms_watch_release_and_both_fleets(gpu):
    """Errors and queue by release; failures and latency by target group, whichever is new."""
    names = deployment(gpu, CANARY)["Alarms"]["AlarmNames"]
    release = environment(container(gpu, CANARY, "server"))["FALAJ_RELEASE"]
    kinds = [
        name.removeprefix("gpu-falaj-vision-").removesuffix(f"-{release[:8]}") for name in names
    ]
    assert kinds == [
        "errors",
        "queue",
        "failures-blue",
        "latency-blue",
        "failures-green",
        "latency-green",
    ]


def test_the_rollout_controller_does_not_heed_them(gpu):
    """It owns aliases; a GPU release is ECS's to take back."""
    for stack in SERVICES:
        names = [a["Properties"]["AlarmName"] for a in gpu.of_type(stack, ALARM).values()]
        assert not any(name.startswith("falaj-") for name in names)


# ------------------------------------------------------------------- scaling
def test_replicas_follow_queue_and_gpu(gpu):
    """Both metrics are means over replicas, by the model that emits them."""
    tracked = {
        spec["MetricName"]: (config["TargetValue"], spec["Statistic"], spec["Dimensions"])
        for policy in gpu.of_type(CANARY, POLICY).values()
        if (config := policy["Properties"]["TargetTrackingScalingPolicyConfiguration"])
        and (spec := config["CustomizedMetricSpecification"])
    }
    dimensions = [{"Name": "Model", "Value": "vision"}]
    assert tracked == {
        "QueueTime": (5, "Average", dimensions),
        "GpuUtilisation": (70, "Average", dimensions),
    }


def test_a_model_that_may_sleep_goes_to_none_when_idle(gpu):
    """Neither replicas nor breaker heard a request for the whole idle time."""
    target = gpu.one(ROLLING, "AWS::ApplicationAutoScaling::ScalableTarget")["Properties"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 1)
    (idle,) = [
        alarm["Properties"]
        for alarm in gpu.of_type(ROLLING, ALARM).values()
        if alarm["Properties"]["AlarmName"].endswith("-idle")
    ]
    metrics = {
        m["MetricStat"]["Metric"]["MetricName"] for m in idle["Metrics"] if "MetricStat" in m
    }
    assert metrics == {"Asked", "Requests"}
    assert (idle["EvaluationPeriods"], idle["TreatMissingData"]) == (10, "breaching")
    policies = gpu.of_type(ROLLING, POLICY)
    (action,) = idle["AlarmActions"]
    steps = policies[action["Ref"]]["Properties"]["StepScalingPolicyConfiguration"]
    assert (steps["AdjustmentType"], steps["StepAdjustments"][0]["ScalingAdjustment"]) == (
        "ExactCapacity",
        0,
    )


def test_an_idle_metric_takes_no_last_replica(gpu):
    """A queue of 0 ms tracks to 0 replicas; only the idle alarm may go there."""
    tracking = [
        policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["DisableScaleIn"]
        for policy in gpu.of_type(ROLLING, POLICY).values()
        if "TargetTrackingScalingPolicyConfiguration" in policy["Properties"]
    ]
    assert tracking == [True, True]


# ----------------------------------------------------------------- the route
def paths(gpu):
    """The API's paths."""
    apis = [
        r["Properties"]["Body"]["paths"]
        for r in gpu.template("FalajApi")["Resources"].values()
        if r["Type"] in {"AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"}
    ]
    return apis[0]


def integrations(gpu, model):
    """The integrations of a model's paths."""
    return [
        operation["x-amazon-apigateway-integration"]
        for path, methods in paths(gpu).items()
        if path.startswith(f"/v2/models/{model}")
        for operation in methods.values()
    ]


def test_a_service_is_reached_without_a_function_between(gpu):
    """One hop: API Gateway's link leads to the balancer, whose name is checked."""
    found = integrations(gpu, "vision")
    assert len(found) == 2
    for integration in found:
        assert (integration["type"], integration["connectionType"]) == ("http_proxy", "VPC_LINK")
        assert "gpu.example.ae" in json.dumps(integration)


def test_who_calls_is_said_by_the_api(gpu):
    """Whatever tenant or subject a caller writes is overwritten on the way."""
    for integration in integrations(gpu, "vision"):
        told = {key.rpartition(".")[2] for key in integration["requestParameters"]}
        assert {"x-falaj-tenant", "x-falaj-subject"} <= told


def test_a_breaker_stands_where_the_service_may_be_absent(gpu):
    """With a fallback or to_zero; it may call that alias and wake that service, and no more."""
    assert {i["type"] for i in integrations(gpu, "speech")} == {"aws_proxy"}
    function = gpu.one(ROLLING, "AWS::Lambda::Function")["Properties"]
    variables = function["Environment"]["Variables"]
    assert {"FALAJ_ENDPOINT", "FALAJ_SERVER_NAME", "FALAJ_FALLBACK", "FALAJ_SERVICE"} <= set(
        variables
    )
    assert len(function["VpcConfig"]["SubnetIds"]) == 2
    (role,) = [r for id_, r in gpu.of_type(ROLLING, "AWS::IAM::Role").items() if "Breaker" in id_]
    rights = allowed(role)
    assert rights["FallBack"]["Resource"] == {"Ref": "FallbackArn"}
    assert rights["Wake"]["Action"] == ["ecs:DescribeServices", "ecs:UpdateService"]
    assert gpu.of_type(CANARY, "AWS::Lambda::Function") == {}


def test_the_cpu_version_is_a_function_like_any_other(gpu):
    """Its own stack with alias, releases and alarms."""
    assert gpu.of_type("FalajModel-speech", "AWS::Lambda::Alias") != {}
    assert "FalajModel-vision" not in gpu.templates


# -------------------------------------------------------------------- Triton
def test_triton_runs_from_the_accounts_own_registry(gpu):
    """NVIDIA's image by digest; which account it is only deployment knows."""
    server = container(gpu, LINEAR, "server")
    address, names = server["Image"]["Fn::Sub"]
    assert address.startswith("${AWS::AccountId}.dkr.ecr.${AWS::Region}.")
    assert names["Image"] == f"nvidia/triton@sha256:{'a' * 64}"
    assert "--disable-auto-complete-config" in server["Command"]


def test_triton_is_reached_through_its_gate_alone(gpu):
    """It listens for its own task, and the balancer knows the gate's ports."""
    server, gate = container(gpu, LINEAR, "server"), container(gpu, LINEAR, "gate")
    service = gpu.one(LINEAR, "AWS::ECS::Service")["Properties"]
    told = environment(gate)

    addresses = [each for each in server["Command"] if "-address=" in each]
    assert [each.partition("=")[2] for each in addresses] == ["127.0.0.1"] * 3
    assert "PortMappings" not in server
    assert [each["ContainerPort"] for each in gate["PortMappings"]] == [8000, 8001]
    assert {each["ContainerName"] for each in service["LoadBalancers"]} == {"gate"}
    assert f"--http-port={told['FALAJ_ENDPOINT'].rpartition(':')[2]}" in server["Command"]
    assert f"--grpc-port={told['FALAJ_GRPC_ENDPOINT'].rpartition(':')[2]}" in server["Command"]


def test_the_gate_ends_first_and_neither_lives_without_the_other(gpu):
    """ECS stops in reverse: the gate drains while what it passed on is still answered."""
    server, gate = container(gpu, LINEAR, "server"), container(gpu, LINEAR, "gate")

    assert gate["DependsOn"] == [{"ContainerName": "server", "Condition": "START"}]
    assert (server["Essential"], gate["Essential"]) == (True, True)
    assert gate["Image"] == container(gpu, LINEAR, "fetch")["Image"]
    assert (gate["User"], gate["ReadonlyRootFilesystem"]) == ("10001", True)
    assert int(environment(gate)["FALAJ_DRAIN_S"]) < gate["StopTimeout"]


def test_the_gate_knows_which_model_stands_behind_it(gpu):
    """Versions and digests are those of the manifests that were signed."""
    told = environment(container(gpu, LINEAR, "gate"))
    fetched = environment(container(gpu, LINEAR, "fetch"))["FALAJ_MODEL_ARCHIVE"]
    asset = fetched["Fn::Sub"][1]["Key"].removesuffix(".zip")
    model = gpu.folder / f"asset.{asset}" / "search" / told["FALAJ_MODEL_VERSION"] / "model.onnx"

    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert told["FALAJ_MODEL_NAME"] == "search"
    assert told["FALAJ_DIGESTS"] == f"{told['FALAJ_MODEL_VERSION']}={digest}"


def test_tritons_models_are_checked_and_its_metrics_told(gpu):
    """Fetch holds the publisher's fingerprint, and a second container reads the metrics page."""
    fetch, beats = container(gpu, LINEAR, "fetch"), container(gpu, LINEAR, "beats")
    assert re.fullmatch("[0-9a-f]{64}", environment(fetch)["FALAJ_PUBLISHER_KEY"])
    assert environment(beats)["FALAJ_ENDPOINT"] == "http://127.0.0.1:8002"
    fetched = environment(container(gpu, CANARY, "fetch"))["FALAJ_PUBLISHER_KEY"]
    assert fetched == environment(container(gpu, CANARY, "server"))["FALAJ_PUBLISHER_KEY"]


def test_its_configuration_is_what_tritons_own_protobuf_reads(gpu):
    """The archive holds Triton's layout; tritonclient's generated code parses the file."""
    archive = environment(container(gpu, LINEAR, "fetch"))["FALAJ_MODEL_ARCHIVE"]["Fn::Sub"][1][
        "Key"
    ]
    root = gpu.folder / f"asset.{archive.removesuffix('.zip')}" / "search"
    config = text_format.Parse((root / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    assert (config.name, config.instance_group[0].count) == ("search", 2)
    (accelerator,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert (accelerator.name, accelerator.parameters["precision_mode"]) == ("tensorrt", "FP16")
    assert (root / "1/model.onnx").is_file()


@pytest.mark.parametrize(("stack", "name"), [(CANARY, "server"), (LINEAR, "gate")])
def test_a_banks_replica_leaves_records(gpu_assemblies, stack, name):
    """It may read tenants' keys, and what it writes of requests reaches the recorder."""
    bank = gpu_assemblies["enterprise"]
    server = environment(container(bank, stack, name))
    (feed,) = bank.of_type(stack, "AWS::Logs::SubscriptionFilter").values()
    (role,) = [r for id_, r in bank.of_type(stack, "AWS::IAM::Role").items() if "Does" in id_]
    group = container(bank, stack, name)["LogConfiguration"]["Options"]["awslogs-group"]

    assert server["FALAJ_CAPTURE"] == "/falaj/capture/keys"
    assert feed["Properties"]["LogGroupName"] == group
    assert feed["Properties"]["FilterPattern"] == '{ $.audit.stream = "*" }'
    assert {"ReadTenantKeys", "DecryptTenantKeys"} <= set(allowed(role))


def test_whoever_keeps_no_trail_reads_no_keys(gpu_assemblies):
    """A small business's replicas know nothing of auditors."""
    small = gpu_assemblies["smb"]

    assert "FALAJ_CAPTURE" not in environment(container(small, CANARY, "server"))
    assert small.of_type(CANARY, "AWS::Logs::SubscriptionFilter") == {}


@pytest.mark.parametrize("profile", ["smb", "enterprise"])
def test_a_breaker_asks_whom_the_api_asks(gpu_assemblies, profile):
    """Whoever gets past a misconfigured gateway is asked again, as before every function."""
    functions = [
        gpu_assemblies[profile].one(stack, "AWS::Lambda::Function")["Properties"]["Environment"]
        for stack in (ROLLING, "FalajModel-speech")
    ]
    breaker, cpu = (function["Variables"].get("FALAJ_ACCESS") for function in functions)
    assert breaker == cpu


def test_logs_are_under_the_key_of_the_models_class(gpu_assemblies):
    """Who may read one class of data reads no other, on a GPU as well."""
    template = gpu_assemblies["enterprise"].template(ROLLING)
    groups = [r for r in template["Resources"].values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert {json.dumps(group["Properties"]["KmsKeyId"]) for group in groups} == {
        '{"Ref": "ClassKeyArn"}'
    }
    assert "internal" in template["Parameters"]["ClassKeyArn"]["Default"]


def test_a_breaker_leaves_records_of_what_it_answers_itself(gpu_assemblies):
    """Its own log feeds the recorder, and it may read tenants' keys."""
    bank = gpu_assemblies["enterprise"]
    function = bank.one(ROLLING, "AWS::Lambda::Function")["Properties"]
    feeds = bank.of_type(ROLLING, "AWS::Logs::SubscriptionFilter").values()
    (role,) = [r for id_, r in bank.of_type(ROLLING, "AWS::IAM::Role").items() if "Breaker" in id_]

    assert function["Environment"]["Variables"]["FALAJ_CAPTURE"] == "/falaj/capture/keys"
    assert function["LoggingConfig"]["LogGroup"] in [f["Properties"]["LogGroupName"] for f in feeds]
    assert {"ReadTenantKeys", "DecryptTenantKeys"} <= set(allowed(role))


def test_the_platform_functions_refusals_are_recorded(gpu_assemblies):
    """The recorder lets its log in, by name; a small business has neither."""
    bank = gpu_assemblies["enterprise"]
    (feed,) = bank.of_type("FalajApi", "AWS::Logs::SubscriptionFilter").values()
    (permission,) = [
        each["Properties"]
        for each in bank.of_type("FalajApi", "AWS::Lambda::Permission").values()
        if each["Properties"]["Principal"] == "logs.amazonaws.com"
    ]
    group = feed["Properties"]["LogGroupName"]["Ref"]

    assert permission["SourceArn"] == {"Fn::GetAtt": [group, "Arn"]}
    assert permission["FunctionName"] == feed["Properties"]["DestinationArn"]
    assert gpu_assemblies["smb"].of_type("FalajApi", "AWS::Logs::SubscriptionFilter") == {}


def test_the_balancer_logs_no_address_as_a_caller_wrote_it(gpu):
    """It may name a person, and S3's own key is nobody's; replicas leave a line of each request."""
    attributes = gpu.one(SHARED, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Properties"][
        "LoadBalancerAttributes"
    ]

    assert {"Key": "access_logs.s3.enabled", "Value": "false"} in attributes
