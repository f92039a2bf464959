"""Every name that a template and running code share, written here and nowhere else.

An alarm and the code that feeds it cannot drift apart when both take the metric's name from here.
"""

from typing import Final

REGION: Final = "me-central-1"

BOUNDARY_PATH: Final = "/falaj/boundary/"
BOUNDARY_NAME: Final = "region"
"""Path and name of the managed policy that bounds every role to the region."""

PROFILE_TAG: Final = "falaj:profile"
STAGE_TAG: Final = "falaj:stage"
DATA_CLASS_TAG: Final = "falaj:data-class"
"""Tags of stacks, by which audits know what they look at."""

# ------------------------------------------------------------------ Lambda
LIVE_ALIAS: Final = "live"
"""The one alias of a model function; after its creation only the rollout controller writes it."""

RESPONSE_LIMIT_BYTES: Final = 6 * 1024 * 1024
"""Largest synchronous Lambda payload, each way.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("6 MB each for request and
response, synchronous"), read 2026-11-22.
"""

# ----------------------------------------------------- environment variables
ENV_PROFILE: Final = "FALAJ_PROFILE"
ENV_MODEL_NAME: Final = "FALAJ_MODEL_NAME"
ENV_MODEL_VERSION: Final = "FALAJ_MODEL_VERSION"
ENV_MODEL_ROOT: Final = "FALAJ_MODEL_ROOT"
ENV_MODEL_S3_PREFIX: Final = "FALAJ_MODEL_S3_PREFIX"
ENV_PUBLISHER_KEY: Final = "FALAJ_PUBLISHER_KEY"
"""Fingerprint (hex sha256 of the DER) of the one key whose manifests are believed."""
ENV_CATALOGUE: Final = "FALAJ_CATALOGUE"
ENV_THREADS: Final = "FALAJ_THREADS"
ENV_LOG_LEVEL: Final = "FALAJ_LOG_LEVEL"
ENV_HTTP_PORT: Final = "FALAJ_HTTP_PORT"
ENV_GRPC_PORT: Final = "FALAJ_GRPC_PORT"
ENV_ADMIN_PORT: Final = "FALAJ_ADMIN_PORT"
ENV_HOST: Final = "FALAJ_HOST"
ENV_RELEASE: Final = "FALAJ_RELEASE"
ENV_PROVIDERS: Final = "FALAJ_PROVIDERS"
ENV_PROVIDER_FALLBACK: Final = "FALAJ_PROVIDER_FALLBACK"
ENV_PRECISION: Final = "FALAJ_PRECISION"
ENV_ENGINE_CACHE: Final = "FALAJ_ENGINE_CACHE"
ENV_DRAIN_S: Final = "FALAJ_DRAIN_S"
ENV_AGENT_URI: Final = "ECS_AGENT_URI"
"""Set by ECS itself: where a task speaks of its own protection from scale-in.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html.
"""
ENV_MODEL_ARCHIVE: Final = "FALAJ_MODEL_ARCHIVE"
"""`s3://<bucket>/<key>.zip` of a model root, unpacked before the container starts."""
ENV_ENDPOINT: Final = "FALAJ_ENDPOINT"
"""Where a model's GPU service answers, without a slash at the end."""
ENV_GRPC_ENDPOINT: Final = "FALAJ_GRPC_ENDPOINT"
"""`host:port` where NVIDIA's server behind a gate answers gRPC."""
ENV_DIGESTS: Final = "FALAJ_DIGESTS"
"""The sha256 of each served version's model, as `1=<hex>,2=<hex>`."""
ENV_TIMEOUT_S: Final = "FALAJ_TIMEOUT_S"
ENV_PLACES: Final = "FALAJ_PLACES"
"""How many requests a gate lets wait or be computed behind it at a time."""
ENV_SERVER_NAME: Final = "FALAJ_SERVER_NAME"
"""Name that the endpoint's certificate must hold; unset where the endpoint speaks plain HTTP."""
ENV_SERVICE: Final = "FALAJ_SERVICE"
"""ECS service to wake, as `<cluster>/<service>`; optional."""
ENV_FALLBACK: Final = "FALAJ_FALLBACK"
"""ARN of the alias that answers while the service cannot; optional."""
ENV_TABLE: Final = "FALAJ_TABLE"
ENV_DECISIONS_BUCKET: Final = "FALAJ_DECISIONS_BUCKET"
ENV_SIGNING_KEY: Final = "FALAJ_SIGNING_KEY"
ENV_NOTICES_TOPIC: Final = "FALAJ_NOTICES_TOPIC"  # optional
ENV_WEBHOOK_URL: Final = "FALAJ_WEBHOOK_URL"  # optional
ENV_WEBHOOK_KEY_PARAMETER: Final = "FALAJ_WEBHOOK_KEY_PARAMETER"
"""Name of the SecureString that signs webhooks; needed with `FALAJ_WEBHOOK_URL`."""
ENV_SHADOW_PARAMETER: Final = "FALAJ_SHADOW_PARAMETER"
"""Names the SSM parameter that says where copies go; only where a plan is a shadow."""
ENV_EXPERIMENTS: Final = "FALAJ_EXPERIMENTS"
"""Name of the parameter that holds a model's running experiments; set where arms are packaged."""
ENV_DRIFT: Final = "FALAJ_DRIFT"
"""Set where requests and answers are counted in the bins of a reference."""
ENV_DRIFT_BUCKET: Final = "FALAJ_DRIFT_BUCKET"
ENV_CAPTURE: Final = "FALAJ_CAPTURE"
"""Root of the SSM parameters that hold tenants' keys; set where requests are recorded."""
ENV_AUDIT_BUCKET: Final = "FALAJ_AUDIT_BUCKET"
ENV_DEAD_LETTERS: Final = "FALAJ_DEAD_LETTERS"
"""URL of the queue of events that a recorder failed on and takes in again by itself."""
ENV_PSEUDONYM_KEY: Final = "FALAJ_PSEUDONYM_KEY"
"""The KMS HMAC key from which the key of subjects' pseudonyms is derived."""
ENV_ASYNCHRONOUS_BUCKET: Final = "FALAJ_ASYNCHRONOUS_BUCKET"
ENV_ASYNCHRONOUS_QUEUE: Final = "FALAJ_ASYNCHRONOUS_QUEUE"
"""Bucket of requests and results that wait, and URL of the queue that says which are to be done."""
ENV_ABANDONED_QUEUE: Final = "FALAJ_ABANDONED_QUEUE"
"""ARN of the queue of requests that came too often; the worker answers those itself."""
ENV_EXPERIMENTS_BUCKET: Final = "FALAJ_EXPERIMENTS_BUCKET"
ENV_EXPERIMENTS_TABLE: Final = "FALAJ_EXPERIMENTS_TABLE"
ENV_FEEDBACK_TABLE: Final = "FALAJ_FEEDBACK_TABLE"
ENV_ROLLOUTS_TABLE: Final = "FALAJ_ROLLOUTS_TABLE"
ENV_ANALYST: Final = "FALAJ_ANALYST"
"""Name of the analyst's function; the platform function asks it about experiments."""

# -------------------------------------------------------------------- access
ENV_ACCESS: Final = "FALAJ_ACCESS"
"""Who may call: JSON, or the name of a file of it beside the handler."""
ENV_QUOTAS: Final = "FALAJ_QUOTAS"
"""What of tenants' quotas a function counts; optional."""
QUOTA_RATE: Final = "rate"
"""Rate, burst and concurrency: there is no usage plan before an HTTP API."""
QUOTA_CONCURRENCY: Final = "concurrency"
"""Concurrency only: a usage plan has counted the rest."""
ENV_RANKS: Final = "FALAJ_RANKS"
"""`tenants` where a container's full queue sheds the last priorities first; else `none`."""
ENV_CLIENT_CERTIFICATES: Final = "FALAJ_CLIENT_CERTIFICATES"
"""`verified` where the balancer before a container's gRPC asks for certificates: only then is what
it says of one believed."""
CERTIFICATES_VERIFIED: Final = "verified"
ACCESS_FILE: Final = "access.json"
KEYS_PARAMETER: Final = "/falaj/access/keys"
"""SSM parameter that holds the token issuer's public keys, a JSON Web Key Set."""
SHED_PARAMETER: Final = "/falaj/access/shed"
"""SSM parameter that holds an operator's word: the last priority admitted, or `auto`."""
SHED_AUTO: Final = "auto"
"""The operator leaves it to the load shedder, whose word is in `shed_level_parameter`."""
SHED_LEVELS_ROOT: Final = "/falaj/shed"
"""Below it one SSM parameter for each model that has ever been short of capacity."""
QUOTAS_PARAMETER: Final = "/falaj/access/quotas"
"""SSM parameter that holds every tenant's limits and names the table that counts."""
QUOTA_TABLE_PARAMETER: Final = "/falaj/access/quota-table"
"""SSM parameter that holds the ARN of the table that counts tenants' requests."""
CONTEXT_TENANT: Final = "tenant"
CONTEXT_SUBJECT: Final = "subject"
CONTEXT_SCOPES: Final = "scopes"
CONTEXT_EXPIRES: Final = "expires"
CONTEXT_CLAIMS: Final = "named_claims"
"""Keys of what the authorizer tells the functions behind it; all values are strings, the
claims that experiments name their subjects by a JSON object in one.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/
api-gateway-lambda-authorizer-output.html (no object or array is a valid value)."""
CONTEXT_QUEUED: Final = "falaj-queued"
"""Key in `requestContext` of a request that was taken in before, and has waited: since when. What
was true of its caller then still counts, and its tenant's rate is not counted again. API Gateway
writes none of that name, and no caller writes there."""
CONTEXT_CHECKED: Final = "falaj"
"""Key in `requestContext` under which a function's own check tells the handler behind it the
tenant and who asks, as `{"tenant": …, "subject": …}`. API Gateway writes none of that name, and no
caller writes there."""

# ------------------------------------------------------------------- network
NETWORK_SUBNETS_PARAMETER: Final = "/falaj/network/subnets"
NETWORK_CALLERS_PARAMETER: Final = "/falaj/network/callers"
NETWORK_DYNAMODB_PARAMETER: Final = "/falaj/network/dynamodb-url"
"""SSM parameters that hold the isolated subnets, the security group for whatever calls AWS, and the
address of DynamoDB's endpoint."""
ENV_DYNAMODB_ENDPOINT: Final = "AWS_ENDPOINT_URL_DYNAMODB"
"""AWS's own name: every SDK reads it.

Source: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html.
"""

# ------------------------------------------------------------ model artefacts
MODEL_FILE: Final = "model.onnx"
MANIFEST_FILE: Final = "manifest.json"
SERVING_FILE: Final = "serving.json"
"""Beside the models' folders: how a container batches, caches and keeps sequences, by model."""
ENSEMBLE_FILE: Final = "ensemble.json"
"""In a version's folder instead of `model.onnx`: a declared graph of other versions."""
ENSEMBLE_PLATFORM: Final = "ensemble"
"""A manifest's platform, Triton's word, when its bytes are such a graph."""
MANIFEST_SIGNATURE_FILE: Final = "manifest.sig"
PUBLISHER_KEY_FILE: Final = "publisher.der"
"""Beside the models' folders: the public key whose signatures a release believes."""
MANIFESTS_PURPOSE: Final = "manifests"
"""What the key that signs manifests is for; `key_arn_parameter` of this names it."""
DRIFT_FILE: Final = "drift.json"
"""Beside a manifest, whose facts hold its sha256: bin edges and counts of the reference rows."""
DRIFT_FACT: Final = "drift"
DRIFT_MESSAGE: Final = "drift"
"""`message` of the lines that hold counts."""
PACKAGED_MODEL_ROOT: Final = "models"
"""Folder inside the function's code, in Triton's layout: `<name>/<int>/model.onnx`."""

# ------------------------------------------------------------------- headers
HEADER_RELEASE: Final = "x-falaj-release"
HEADER_VARIANT: Final = "x-falaj-variant"
HEADER_EXPERIMENT: Final = "x-falaj-experiment"
"""The experiment whose arm `x-falaj-variant` names."""
PARAMETER_EXPERIMENT: Final = "experiment"
PARAMETER_VARIANT: Final = "variant"
"""What an answer's own `parameters` say of an experiment, as those two headers do."""
HEADER_COVARIATE: Final = "x-falaj-covariate"
"""A number known of the subject before the request, for CUPED; optional."""
HEADER_REQUEST_ID: Final = "x-request-id"
"""Also the inference id that feedback refers to."""
HEADER_TENANT: Final = "x-falaj-tenant"
"""Set by the API from the caller's token, never taken from a caller; a container trusts it."""
HEADER_SUBJECT: Final = "x-falaj-subject"
"""Who asks on the tenant's behalf, set like the tenant; it ends in a keyed hash for auditors."""
HEADER_CLIENT_SUBJECT: Final = "x-amzn-mtls-clientcert-subject"
"""Who speaks gRPC: the subject of the certificate that the load balancer has verified.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/
mutual-authentication.html#mtls-http-headers.
"""
HEADER_BINARY_LENGTH: Final = "inference-header-content-length"
HEADER_IDEMPOTENCY: Final = "idempotency-key"
"""Says that a request is the same as another with that key (draft-ietf-httpapi-idempotency-key)."""
HEADER_RESULT: Final = "x-falaj-result"
"""What has become of an asynchronous request: `queued`, `done` or `failed`."""
HEADER_FALLBACK: Final = "x-falaj-fallback"
"""Says why another than the asked service answered: `unreachable`, `unhealthy`, `open` or
`shed`."""
PARAMETER_FALLBACK: Final = "falaj_fallback"
"""The same in a JSON answer's `parameters`."""
HEADER_SIGNATURE: Final = "x-falaj-signature"
"""On webhooks: `t=<Unix seconds>,v1=<HMAC-SHA256 of "<t>.<body>", hex>`."""

# ------------------------------------------------------------------- metrics
METRIC_NAMESPACE: Final = "Falaj"
METRIC_REQUESTS: Final = "Requests"
METRIC_BAD: Final = "Bad"
METRIC_INVALID_OUTPUT: Final = "InvalidOutput"
METRIC_CLIENT_ERRORS: Final = "ClientErrors"
METRIC_COLD_STARTS: Final = "ColdStarts"
METRIC_LATENCY: Final = "Latency"  # milliseconds, whole handler; warm inferences only
METRIC_INFERENCE_LATENCY: Final = "InferenceLatency"  # milliseconds, session.run alone
METRIC_REFUSED_STARTS: Final = "RefusedStarts"
"""Environments that did not start because an artefact is not what was published."""
METRIC_UNPLANNED_TENANTS: Final = "UnplannedTenants"
"""Tokens of tenants without a usage plan of their own, who share one with all others."""
METRIC_LOG_EVIDENCE: Final = "LogEvidence"
METRIC_SHADOW_REQUESTS: Final = "ShadowRequests"
"""Copies that a shadow answered, by its release; none of these is a request of any caller."""
METRIC_SHADOW_BAD: Final = "ShadowBad"
METRIC_SHADOW_INVALID_OUTPUT: Final = "ShadowInvalidOutput"
METRIC_SHADOW_MATCH: Final = "ShadowMatch"
METRIC_SHADOW_MISMATCH: Final = "ShadowMismatch"
METRIC_SHADOW_LATENCY: Final = "ShadowLatency"  # milliseconds; warm inferences only
METRIC_SHADOW_SKIPPED: Final = "ShadowSkipped"
"""Sampled requests that could not be copied, by the shadow's release; stable counts them."""
METRIC_QUEUE_TIME: Final = "QueueTime"
"""Milliseconds that a container's late requests waited for their run, on average; one value every
ten seconds from each replica, 0 while nothing is asked, so that a service can be scaled by it."""
METRIC_UNASSIGNED: Final = "Unassigned"
"""Requests of a running experiment that gave no usable subject, by model and reason."""
METRIC_GPU_UTILISATION: Final = "GpuUtilisation"  # percent of the time a kernel ran
METRIC_ASKED: Final = "Asked"  # requests that came to the function before a GPU service
METRIC_FALLBACKS: Final = "Fallbacks"  # requests that a CPU version answered for a GPU service
METRIC_SHED: Final = "Shed"
"""Priorities that wait because a model is short of capacity: 0 to 4, each minute in which some do;
by model, and over all models under `ALL_MODELS`."""
METRIC_DRIFTED_FEATURES: Final = "DriftedFeatures"
"""Features of a model that have drifted, of its versions the most; each look gives one value."""
METRIC_DRIFT_PSI: Final = "DriftPsi"
"""Stability index of the worst of these features in the newest window, its bias taken off."""
METRIC_HEARTBEAT: Final = "Heartbeat"
"""Published by the rollout controller on each scheduled tick, without any dimension."""

DIMENSION_MODEL: Final = "Model"
DIMENSION_RELEASE: Final = "Release"
"""The Lambda version number: what CloudWatch calls ExecutedVersion in AWS/Lambda."""
DIMENSION_REASON: Final = "Reason"
DIMENSION_SCOPE: Final = "Scope"
ALL_MODELS: Final = "all-models"
"""The scope under which a refused start counts besides its model's: one alarm watches them all."""
DIMENSION_SETS: Final = ((DIMENSION_MODEL, DIMENSION_RELEASE), (DIMENSION_MODEL,))
"""Every outcome metric is emitted under both: by release, and over all releases of the model.

A template knows the version it publishes but not the one that is stable when it is deployed; an
alarm gets stable's count as the difference of the two.
"""

# -------------------------------------------------------------------- alarms
ALARM_PREFIX: Final = "falaj-"
"""Begins the name of every alarm that the rollout controller heeds."""
GPU_ALARM_PREFIX: Final = "gpu-falaj-"
"""Begins the name of alarms that ECS and scaling policies heed; the rollout controller does not."""
CAPACITY_ALARM_PREFIX: Final = "capacity-falaj-"
"""Begins the name of alarms that the load shedder heeds; the model's name follows."""
HEARTBEAT_ALARM: Final = f"{ALARM_PREFIX}rollout-controller-heartbeat"
"""Freezes promotions of all models; its metric, `Heartbeat`, has no dimensions."""

# ---------------------------------------------------------------- dashboards
PLATFORM_DASHBOARD: Final = "falaj"
"""The dashboard of what all models share."""


def model_dashboard(model: str) -> str:
    """Name the dashboard of a model on Lambda."""
    return f"{ALARM_PREFIX}{model}"


def gpu_dashboard(model: str) -> str:
    """Name the dashboard of a model's GPU service."""
    return f"{GPU_ALARM_PREFIX}{model}"


# ---------------------------------------------------------- rollout controller
MODEL_TAG: Final = "falaj:model"
"""Tag on every model function; the controller may touch no function without it."""
DECISIONS_PURPOSE: Final = "decisions"
"""What the bucket of decision records is for; its name is in `bucket_name_parameter` of this."""
WEBHOOK_KEY_PARAMETER: Final = "/falaj/rollouts/webhook-key"
"""SecureString that an operator writes before a webhook is asked for."""

# --------------------------------------------------------------- audit trail
AUDIT_PURPOSE: Final = "audit"
"""What the bucket of the trail and the key that signs it are for."""
CAPTURE_KEYS_ROOT: Final = "/falaj/capture/keys"
"""One SecureString for each tenant's key; whoever deletes it has erased what it named."""
RECORDER_PARAMETER: Final = "/falaj/audit/recorder"
"""Holds the ARN of the function that model functions' lines are delivered to."""

# ------------------------------------------------------------------ rollouts
TABLE_KEY: Final = "pk"
"""Partition key of the rollouts' table, a string; there is no sort key."""
DECISIONS_PREFIX: Final = "decisions/"


def status_key(model: str) -> str:
    """Name the item that holds a model's rollout."""
    return f"MODEL#{model}"


def decision_key(model: str, generation: int) -> str:
    """Name the object that holds one decision record; its signature has `.sig` for `.json`."""
    return f"{DECISIONS_PREFIX}{model}/{generation}.json"


# ------------------------------------------------------ asynchronous inference
ASYNCHRONOUS_PURPOSE: Final = "asynchronous"
"""What the bucket of waiting requests and of results is for, and the key of tenants' folders."""
ASYNCHRONOUS_KEY_ALIAS: Final = "alias/falaj-asynchronous"
ASYNCHRONOUS_FILE: Final = "asynchronous.json"
"""Beside the intake's handler: for how many days each model's results are kept."""
REQUESTS_PREFIX: Final = "requests/"
RESULTS_PREFIX: Final = "results/"
SENT_PREFIX: Final = "sent/"
"""Says that a request which may be repeated is on the queue."""

# --------------------------------------------------------------- experiments
EXPERIMENTS_PURPOSE: Final = "experiments"
"""What the bucket of exposures and outcomes is for, and the key of pseudonyms."""
PSEUDONYM_KEY_ALIAS: Final = "alias/falaj-pseudonyms"
EXPOSURES_PREFIX: Final = "exposures/"
OUTCOMES_PREFIX: Final = "outcomes/"
REPORTS_PREFIX: Final = "reports/"
CHECKPOINTS_PREFIX: Final = "checkpoints/"
"""What the analyst has read of the log; it may be deleted at any time, and is made again."""
EXPIRY_ATTRIBUTE: Final = "expires_at"
"""Seconds since the epoch after which DynamoDB may forget an item."""


def experiment_key(model: str, name: str) -> str:
    """Name the item that holds an experiment's state, in the table of experiments."""
    return f"EXPERIMENT#{model}#{name}"


def outcome_key(model: str, digest: str) -> str:
    """Name the item that says an outcome was taken, in the table of feedback."""
    return f"OUTCOME#{model}#{digest}"


def report_key(model: str, name: str, form: str) -> str:
    """Name the object that holds an experiment's latest report as `json` or `html`."""
    return f"{REPORTS_PREFIX}model={model}/{name}/latest.{form}"


def checkpoint_key(model: str, name: str) -> str:
    """Name the object that holds what was read of an experiment's log."""
    return f"{CHECKPOINTS_PREFIX}model={model}/{name}"


def decided_report_key(model: str, name: str, generation: int, form: str) -> str:
    """Name the object that holds the report on which a decision was made."""
    return f"{REPORTS_PREFIX}model={model}/{name}/{generation}.{form}"


def log_prefix(kind: str, model: str, date: str) -> str:
    """Name the folder of one day's exposures or outcomes.

    Example:
        >>> log_prefix(EXPOSURES_PREFIX, "tashkeel", "2026-11-22")
        'exposures/model=tashkeel/date=2026-11-22/'
    """
    return f"{kind}model={model}/date={date}/"


# --------------------------------------------------------------------- drift
DRIFT_PURPOSE: Final = "drift"
"""What the bucket of counts and reports is for."""
DRIFT_REFERENCES: Final = "references"
"""Folder inside the drift watch's code: `<model>/<version>.json`."""
DRIFT_SOURCE: Final = "falaj.drift"
DRIFT_CHANGE: Final = "Drift Verdict Changed"
"""Source and detail type of the events that tell of drift; no rule of ours listens."""
DRIFT_RECORDER_PARAMETER: Final = "/falaj/drift/recorder"
"""Holds the ARN of the function that lines of counts are delivered to."""


def drift_counts_prefix(model: str, version: int, reference: str, window: int) -> str:
    """Name the folder of one window's counts in the bins of a reference.

    Args:
        model: The model.
        version: Its version.
        reference: The reference's sha256.
        window: The window's start, seconds since the epoch.
    """
    return f"counts/model={model}/version={version}/reference={reference[:16]}/window={window}/"


def drift_report_key(model: str, version: int, form: str) -> str:
    """Name the object that holds a version's latest report as `json` or `html`."""
    return f"{REPORTS_PREFIX}model={model}/version={version}/latest.{form}"


# ------------------------------------------------------------ SSM parameters
PARAMETER_ROOT: Final = "/falaj"
MODELS_PARAMETER_ROOT: Final = f"{PARAMETER_ROOT}/models"
SHADOWS_PARAMETER_ROOT: Final = f"{PARAMETER_ROOT}/shadows"
CONTROLLER_PARAMETER: Final = f"{PARAMETER_ROOT}/rollouts/controller"
"""Holds the name of the rollout controller's function, which operators invoke."""


INTAKE_ARN_PARAMETER: Final = f"{PARAMETER_ROOT}/asynchronous/intake-arn"
"""Holds the ARN of the function that takes asynchronous requests and gives their results."""
EXPERIMENTS_TABLE_PARAMETER: Final = f"{PARAMETER_ROOT}/experiments/table"
FEEDBACK_TABLE_PARAMETER: Final = f"{PARAMETER_ROOT}/experiments/feedback-table"
RECORDER_ARN_PARAMETER: Final = f"{PARAMETER_ROOT}/experiments/recorder-arn"
ANALYST_PARAMETER: Final = f"{PARAMETER_ROOT}/experiments/analyst"
"""Holds the name of the analyst's function, which people and the platform function invoke."""
ROLLOUTS_TABLE_PARAMETER: Final = f"{PARAMETER_ROOT}/rollouts/table"
"""Holds the name of the rollouts' table, in which the analyst says how a split has ended."""


def experiments_parameter(model: str) -> str:
    """Name the SSM parameter that holds what of a model's experiments runs now."""
    return f"{PARAMETER_ROOT}/models/{model}/experiments"


def declared_experiments_parameter(model: str) -> str:
    """Name the SSM parameter in which the stack states which experiments its release knows."""
    return f"{PARAMETER_ROOT}/models/{model}/declared-experiments"


def alias_arn_parameter(model: str) -> str:
    """Name the SSM parameter that holds the ARN of a model's `live` alias."""
    return f"{PARAMETER_ROOT}/models/{model}/alias-arn"


def desired_release_parameter(model: str) -> str:
    """Name the SSM parameter in which the stack states the release it wants."""
    return f"{PARAMETER_ROOT}/models/{model}/desired-release"


def shed_level_parameter(model: str) -> str:
    """Name the SSM parameter in which the load shedder says whom a model admits."""
    return f"{SHED_LEVELS_ROOT}/{model}"


def shadow_parameter(model: str) -> str:
    """Name the SSM parameter in which the rollout controller says where copies go.

    It lies outside `MODELS_PARAMETER_ROOT`: the controller must not wake itself.
    """
    return f"{SHADOWS_PARAMETER_ROOT}/{model}"


def layer_arn_parameter(layer: str, architecture: str, digest: str) -> str:
    """Name the SSM parameter that holds the version ARN of a shared layer with this content."""
    return f"{PARAMETER_ROOT}/layers/{layer}/{architecture}/{digest}"


def key_arn_parameter(purpose: str) -> str:
    """Name the SSM parameter that holds the ARN of a customer key."""
    return f"{PARAMETER_ROOT}/keys/{purpose}/arn"


def bucket_name_parameter(purpose: str) -> str:
    """Name the SSM parameter that holds a bucket's name."""
    return f"{PARAMETER_ROOT}/buckets/{purpose}/name"


# ----------------------------------------------------------------- batches
BATCH_PURPOSE: Final = "batch"
"""What the key is for under which batches' state machine, settings and logs are encrypted."""
BATCH_MACHINE_PARAMETER: Final = f"{PARAMETER_ROOT}/batch/machine"
"""Holds the ARN of the state machine that carries batches out."""
BATCH_SHARDS: Final = "_falaj/shards.json"
"""Below a run's output prefix: one JSON array of shards, which the map reads item by item."""


def batch_function_parameter(model: str) -> str:
    """Name the SSM parameter that holds the name of a model's batch function."""
    return f"{PARAMETER_ROOT}/batch/functions/{model}"


# ------------------------------------------------------------- GPU endpoints
GPU_PARAMETER_ROOT: Final = f"{PARAMETER_ROOT}/gpu"
SERVER_CONTAINER: Final = "server"
"""The container that answers; `FETCH_CONTAINER` fills its models before."""
FETCH_CONTAINER: Final = "fetch"
GATE_CONTAINER: Final = "gate"
"""The container before NVIDIA's server, which asks who calls, counts and records."""
SERVER_MODEL_ROOT: Final = "/models"
HTTP_PORT: Final = 8000
GRPC_PORT: Final = 8001


def gpu_parameter(name: str) -> str:
    """Name the SSM parameter of something that all GPU services share."""
    return f"{GPU_PARAMETER_ROOT}/{name}"


def gpu_service_parameter(model: str, name: str) -> str:
    """Name the SSM parameter of something of one model's GPU service."""
    return f"{PARAMETER_ROOT}/models/{model}/gpu/{name}"
