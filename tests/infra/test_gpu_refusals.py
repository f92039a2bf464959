"""Promise: a GPU service that could not be made is refused with the reason and the mend."""

from dataclasses import replace

import pytest

from infra.config.deployment import Access, Deployment, Platform
from infra.config.gpu import GpuPlace
from infra.config.tokens import TokenIssuer
from infra.gpu_refusals import balancer_faults, engine_faults
from infra.packaging import read_models
from infra.refusals import catalogue_faults

CERTIFICATE = (
    "arn:aws:acm:me-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000001"
)
PLACE = GpuPlace(domain="gpu.example.ae", certificate=CERTIFICATE)
PLACED = Deployment(gpu=PLACE)


def faults_of(catalogue, deployment=PLACED):
    """What is refused of a catalogue."""
    sources = catalogue.sources
    return catalogue_faults(read_models(sources.models, sources.build), deployment)


def gpu(**service):
    """A model's compute on a GPU."""
    return {"target": "gpu", "gpu": service}


def test_a_plain_gpu_model_is_taken(catalogue):
    """The control."""
    catalogue.add("vision", compute={"target": "gpu"})
    assert faults_of(catalogue) == []


def test_a_zone_without_the_gpu_is_refused_and_another_named(catalogue):
    """mec1-az3 has no g6 and no g5."""
    catalogue.add("vision", compute={"target": "gpu"})
    deployment = Deployment(gpu=PLACE, az_ids=("mec1-az3",))
    offered, zones = faults_of(catalogue, deployment)
    assert offered.startswith(
        "model vision: g6.xlarge, g5.xlarge is offered by none of mec1-az3; "
        "mec1-az1 and mec1-az2 offer it: add one to falaj:azIds"
    )
    assert "a load balancer spans at least 2 zones" in zones


def test_without_a_certificate_there_is_no_way_to_the_service(catalogue):
    """TLS inside, too; on an operator's own machine nothing is asked."""
    catalogue.add("vision", compute={"target": "gpu"})
    (fault,) = faults_of(catalogue, Deployment())
    assert "set falaj:gpuDomain and falaj:gpuCertificate" in fault
    assert faults_of(catalogue, Deployment(platform=Platform.HOST)) == []


def test_tensorrt_needs_an_image_that_holds_it(catalogue):
    """A container would stop at its start; it is said before."""
    catalogue.add("vision", compute=gpu(providers=["tensorrt", "cuda"]))
    (fault,) = faults_of(catalogue)
    assert "set falaj:gpuBaseImage" in fault


def test_triton_needs_its_image_in_the_accounts_registry(catalogue):
    """NVIDIA's own registry is abroad."""
    catalogue.add("vision", compute={"target": "gpu", "engine": "triton"})
    (fault,) = faults_of(catalogue)
    assert "mirror it and set falaj:tritonImage" in fault


def test_a_split_belongs_to_lambda(catalogue):
    """ECS moves shares and ends; an experiment needs one that stays."""
    catalogue.add("vision", compute={"target": "gpu"}, release={"plan": "split"})
    assert any("release.plan is split, which ECS does not know" in f for f in faults_of(catalogue))


def test_a_deployment_that_cloudformation_gives_up_on_is_refused(catalogue):
    """Nineteen steps of two hours are 38 hours."""
    catalogue.add(
        "vision",
        compute=gpu(deployment="linear"),
        release={"steps": [0.05], "bake": "2h"},
    )
    (fault,) = faults_of(catalogue)
    assert "would take 2295 minutes and CloudFormation gives up after 1980" in fault


def test_states_must_be_the_models_own(catalogue):
    """A name that is none would be found when the first replica starts."""
    alone = gpu(instances={"max_replicas": 1}, deployment="rolling")
    catalogue.add("vision", compute=alone, sequence={"state": ["h0=hn"]})
    (fault,) = faults_of(catalogue)
    assert "sequence.state names h0=hn, and version 1 has inputs x and outputs y" in fault


def test_batching_must_have_been_proven_safe(catalogue):
    """The catalogue's small models never were."""
    catalogue.add("vision", compute={"target": "gpu"}, batching={"max_batch_size": 8})
    (fault,) = faults_of(catalogue)
    assert "registration of version 1 found that" in fault


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"domain": "gpu.example.ae"}, "belong together"),
        ({"certificate": "arn:aws:acm:us-east-1:1:x", "domain": "a.ae"}, "write the ARN"),
        ({"cidr": "8.8.0.0/16"}, "write a private network"),
        ({"cidr": "10.0.0.0/28"}, "write a network of /16 to /22"),
        ({"clients": ("everywhere",)}, "write an IPv4 network"),
        ({"trust_bundle": "https://elsewhere/ca.pem"}, "write s3://bucket/key"),
        ({"trust_bundle": "ca.der"}, "or the file's name"),
        ({"triton_image": "nvcr.io/nvidia/tritonserver:26.10-py3"}, "fetched from abroad"),
        ({"base_image": "python:3.11"}, "fetched from abroad"),
    ],
)
def test_a_wrong_place_is_refused(changes, sentence):
    """Each setting says what to write instead."""
    (fault,) = GpuPlace(**changes).faults()
    assert sentence in fault


def test_models_whose_rules_would_share_a_place_are_refused(catalogue):
    """A listener takes each priority once, and a model's comes from its name alone."""
    catalogue.add("vision", compute={"target": "gpu"})
    sources = catalogue.sources
    models = read_models(sources.models, sources.build)
    (fault,) = catalogue_faults((*models, *models), PLACED)
    assert fault == (
        "models vision, vision: their names give their rules the same place in the load "
        "balancer (23349); rename one"
    )


def test_more_services_than_one_balancer_holds_are_refused():
    """A hundred rules, two for each service."""
    assert list(balancer_faults([f"m-{n}" for n in range(50)])) == []
    (fault,) = balancer_faults([f"m-{n}" for n in range(51)])
    assert fault.startswith("51 GPU services, but one load balancer holds 50")


KEYS = TokenIssuer(issuer="https://issuer.example", audiences=("falaj",), keys="keys.json")
NO_KEYS = TokenIssuer(issuer="https://issuer.example", audiences=("falaj",))
CALLED = GpuPlace(domain="gpu.example.ae", certificate=CERTIFICATE, clients=("10.9.0.0/16",))
CERTIFIED = GpuPlace(
    domain="gpu.example.ae",
    certificate=CERTIFICATE,
    clients=("10.9.0.0/16",),
    trust_bundle="s3://trust/clients.pem",
    triton_image=f"nvidia/triton@sha256:{'a' * 64}",
)


@pytest.mark.parametrize(
    ("place", "access", "engine", "is_taken"),
    [
        (CALLED, Access.IAM, "onnx", False),
        (CERTIFIED, Access.IAM, "onnx", True),
        (CALLED, Access.JWT, "onnx", True),
        (CERTIFIED, Access.JWT, "triton", True),
        (replace(CERTIFIED, trust_bundle=""), Access.JWT, "triton", True),
        (replace(CERTIFIED, trust_bundle=""), Access.IAM, "triton", False),
    ],
)
def test_grpc_is_open_to_nobody_who_shows_nothing(place, access, engine, is_taken, catalogue):
    """Neither tokens nor certificates: whoever is in the network could run the model."""
    catalogue.add("vision", compute={"target": "gpu", "engine": engine})
    tokens = KEYS if access is Access.JWT else TokenIssuer()
    faults = faults_of(catalogue, Deployment(gpu=place, access=access, tokens=tokens))

    assert [fault for fault in faults if "grpcClients would let everybody in" in fault] == (
        [] if is_taken else faults
    )


@pytest.mark.parametrize("engine", ["onnx", "triton"])
def test_tenants_of_a_model_are_told_apart_by_its_replicas(engine, catalogue):
    """Behind an HTTP API, too, and before NVIDIA's server by the gate."""
    compute, acmes = {"target": "gpu", "engine": engine}, {"tenants": ["acme"]}
    catalogue.add("vision", compute=compute, access=acmes)
    deployment = Deployment(gpu=CERTIFIED, access=Access.JWT, tokens=KEYS)
    assert faults_of(catalogue, deployment) == []


@pytest.mark.parametrize("engine", ["onnx", "triton"])
def test_replicas_that_check_tokens_need_the_keys(engine, catalogue):
    """Also in profile smb: gRPC passes no API, and there is no way to the issuer."""
    catalogue.add("vision", compute={"target": "gpu", "engine": engine})
    (fault,) = faults_of(catalogue, Deployment(gpu=CERTIFIED, access=Access.JWT, tokens=NO_KEYS))
    assert "public keys into jwtKeys" in fault


# --------------------------------------------------------------- without a GPU
def container(**service):
    """A model's compute without a GPU."""
    return {"target": "container", "container": service}


def test_a_service_without_a_gpu_runs_in_zones_that_have_none(catalogue):
    """mec1-az3 has no g6 and no g5, and needs none."""
    catalogue.add("triage", compute=container())
    assert faults_of(catalogue, replace(PLACED, az_ids=("mec1-az1", "mec1-az3"))) == []


def test_its_way_is_tls_too(catalogue):
    """The certificate is the balancer's, whoever stands behind it."""
    catalogue.add("triage", compute=container())
    (fault,) = faults_of(catalogue, Deployment())
    assert fault.startswith("model triage: the way to a container service is TLS")


def test_a_model_needs_the_replicas_memory(catalogue):
    """Judged by the replica's own; the function that stands in has its own memory."""
    catalogue.add("triage", compute=container())
    catalogue.add("second", compute={**container(), "fallback": "lambda", "memory_mib": 128})
    models = [
        replace(model, versions=tuple(_with_size(v, 2 * 1024**3) for v in model.versions))
        for model in read_models(catalogue.sources.models, catalogue.sources.build)
    ]
    faults = catalogue_faults(models, PLACED)
    assert [fault.partition(";")[2] for fault in faults if "container.memory_gib" in fault] == [
        " write at least 5"
    ] * 2
    assert ["memory_mib is" in fault for fault in faults].count(True) == 1


def _with_size(version, size_bytes):
    return replace(version, manifest=replace(version.manifest, size_bytes=size_bytes))


def test_openvino_here_needs_its_package(catalogue):
    """`falaj up` runs replicas with this Python's packages, and says which one is missing."""
    catalogue.add("ranking", compute={"target": "container", "engine": "openvino"})
    here = Deployment(platform=Platform.HOST, access=Access.OPEN)
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    (spec,) = (model.spec for model in models)
    (fault,) = engine_faults(spec, here, has_package=lambda name: name != "openvino")
    assert "pip install openvino" in fault
    assert list(engine_faults(spec, here, has_package=lambda _: True)) == []
    assert list(engine_faults(spec, PLACED, has_package=lambda _: False)) == []
