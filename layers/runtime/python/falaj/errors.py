"""The error tree; its first fork decides who must act.

    FalajError
    ├── RequestError                 the caller can fix it (4xx)
    │   ├── MalformedRequestError    not the protocol
    │   ├── TensorMismatchError      not what the model's signature declares
    │   │   ├── UnknownTensorError
    │   │   ├── MissingInputError
    │   │   ├── ShapeMismatchError
    │   │   ├── DatatypeMismatchError
    │   │   └── TensorDataError
    │   ├── InputRefusedError        well-formed, but the model cannot take these values
    │   ├── UnknownModelError
    │   ├── UnknownVersionError
    │   ├── UnknownRouteError
    │   ├── UnsupportedExtensionError    of the protocol, and not served
    │   ├── UnknownExperimentError
    │   ├── UnknownResultError       never asked for, expired, or somebody else's
    │   ├── RepeatedKeyError         an idempotency key that stands for another request
    │   ├── ExperimentRefusedError   as things stand, it cannot be started or decided so
    │   ├── MethodNotAllowedError
    │   ├── UnsupportedEncodingError
    │   ├── ImmutableRepositoryError
    │   ├── NoCommonStatisticsError
    │   ├── SequenceError            no such sequence, or one too many
    │   ├── AccessError              who asks may not
    │   │   ├── UnauthenticatedError     nobody known, or known no longer
    │   │   ├── ForbiddenError           known, and not allowed
    │   │   └── QuotaExceededError       allowed, and too often
    │   │       └── ShedError            allowed, and others come first while capacity is short
    │   ├── BatchRefusedError        a batch that cannot be carried out as asked
    │   ├── PayloadTooLargeError
    │   └── ResponseTooLargeError    ask for less, in binary, or asynchronously
    ├── ServiceError                 we must (5xx; alarms count it)
    │   ├── InvalidOutputError
    │   ├── UnavailableError         ask again after a while
    │   │   ├── OverloadedError
    │   │   ├── CrowdedError         too many large messages at once
    │   │   ├── ServiceUnreachableError   no connection to a GPU service, or no answer in time
    │   │   └── DrainingError
    │   ├── DeadlineExceededError    the answer would have come too late
    │   ├── EngineError
    │   ├── FunctionFailedError      a model's function ended without an answer
    │   │   └── FunctionTimeoutError     for it ran out of time
    │   ├── AbandonedError           an asynchronous request that no attempt could finish
    │   ├── ArtefactError
    │   │   ├── UnsupportedModelError
    │   │   └── UntrustedArtefactError    not signed by the publisher that the release trusts
    │   ├── GuardInputError          a count, share or level no statistic can reckon with
    │   ├── DependencyError          an AWS service refused or did not answer
    │   ├── LostRaceError            somebody else wrote first; read again
    │   ├── BatchIncompleteError     shards of a batch have no answers yet
    │   ├── ControllerError          a tick could not look after these models
    │   └── AnalystError             a round could not look after these experiments
    └── ConfigurationError           refused before anything runs

Only `falaj.http` knows status codes. A leaf takes data, writes its own sentence and keeps the data.
Where a client of Triton could match on a sentence, the sentence is Triton's.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class FalajError(Exception):
    """Anything Falaj raises on purpose."""

    code: ClassVar[str] = "falaj"


# ------------------------------------------------------------ the caller can fix it
class RequestError(FalajError):
    """The caller can fix it."""

    code: ClassVar[str] = "bad_request"


class MalformedRequestError(RequestError):
    """The request is not the Open Inference Protocol."""

    code: ClassVar[str] = "malformed_request"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TensorMismatchError(RequestError):
    """A tensor is not what the model's signature declares."""

    code: ClassVar[str] = "tensor_mismatch"


class UnknownTensorError(TensorMismatchError):
    """The model has no input or output of this name."""

    code: ClassVar[str] = "unknown_tensor"

    def __init__(self, *, direction: str, name: str, model: str) -> None:
        super().__init__(f"unexpected inference {direction} '{_short(name)}' for model '{model}'")
        self.direction, self.name, self.model = direction, name, model


class MissingInputError(TensorMismatchError):
    """The request lacks inputs the model needs."""

    code: ClassVar[str] = "missing_input"

    def __init__(self, *, model: str, expected: Sequence[str], got: Sequence[str]) -> None:
        missing = [name for name in expected if name not in got]
        super().__init__(
            f"expected {len(expected)} inputs but got {len(got)} inputs for model '{model}'. "
            f"Got input(s) {list(got)}, but missing required input(s) {missing}. "
            "Please provide all required input(s)."
        )
        self.model, self.expected, self.got = model, tuple(expected), tuple(got)


class ShapeMismatchError(TensorMismatchError):
    """A tensor's shape does not satisfy its declaration."""

    code: ClassVar[str] = "shape_mismatch"

    def __init__(
        self, *, name: str, model: str, expected: Sequence[int], got: Sequence[int]
    ) -> None:
        super().__init__(
            f"unexpected shape for input '{name}' for model '{model}'. "
            f"Expected {_dimensions(expected)}, got {_dimensions(got)}"
        )
        self.name, self.model = name, model
        self.expected, self.got = tuple(expected), tuple(got)


class DatatypeMismatchError(TensorMismatchError):
    """A tensor's element type is not the declared one."""

    code: ClassVar[str] = "datatype_mismatch"

    def __init__(self, *, name: str, model: str, expected: str, got: str) -> None:
        super().__init__(
            f"inference input '{name}' data-type is '{_short(got)}', "
            f"but model '{model}' expects '{expected}'"
        )
        self.name, self.model, self.expected, self.got = name, model, expected, got


class TensorDataError(TensorMismatchError):
    """A tensor's data does not fit the shape and type it states."""

    code: ClassVar[str] = "tensor_data"

    def __init__(self, *, name: str, reason: str) -> None:
        super().__init__(f"input '{name}': {reason}")
        self.name, self.reason = name, reason


class InputRefusedError(RequestError):
    """The tensors match the signature, but the model cannot take their values."""

    code: ClassVar[str] = "input_refused"

    def __init__(self, *, model: str, reason: str) -> None:
        super().__init__(f"model '{model}' refused these inputs: {reason}")
        self.model, self.reason = model, reason


class UnknownModelError(RequestError):
    """No model of this name is served here."""

    code: ClassVar[str] = "unknown_model"

    def __init__(self, name: str) -> None:
        super().__init__(f"Request for unknown model: '{_short(name)}' is not found")
        self.name = name


class UnknownVersionError(RequestError):
    """The model is served, this version of it is not."""

    code: ClassVar[str] = "unknown_version"

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"Request for unknown model: '{name}' version {_short(version)} is not found"
        )
        self.name, self.version = name, version


class UnknownRouteError(RequestError):
    """The protocol has no such path."""

    code: ClassVar[str] = "unknown_route"

    def __init__(self, path: str) -> None:
        super().__init__(f"no such path: {_short(path)}; GET /v2 lists what is served")
        self.path = path


class UnsupportedExtensionError(RequestError):
    """An extension of the protocol that other servers have."""

    code: ClassVar[str] = "unsupported_extension"

    def __init__(self, *, name: str, mend: str) -> None:
        super().__init__(f"{name} is not supported; {mend}")
        self.name, self.mend = name, mend


class UnknownExperimentError(RequestError):
    """No experiment of this name was started on the model."""

    code: ClassVar[str] = "unknown_experiment"

    def __init__(self, model: str, name: str) -> None:
        super().__init__(
            f"model '{_short(model)}' has no experiment '{_short(name)}'; "
            "GET /experiments lists what was started"
        )
        self.model, self.name = model, name


class UnknownResultError(RequestError):
    """The caller's tenant has no result of this id."""

    code: ClassVar[str] = "unknown_result"

    def __init__(self, *, model: str, days: int) -> None:
        super().__init__(
            f"model '{_short(model)}' has no result of this id for you; "
            f"results are kept for {days} days"
        )
        self.model, self.days = model, days


class RepeatedKeyError(RequestError):
    """An idempotency key was used before, for another request."""

    code: ClassVar[str] = "repeated_key"

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was sent with another request; "
            "send the same request again, or this one with a key of its own"
        )


class ExperimentRefusedError(RequestError):
    """As things stand, an experiment cannot be started or decided so."""

    code: ClassVar[str] = "experiment_refused"

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class BatchRefusedError(RequestError):
    """A batch cannot be carried out as it is asked for, or its inputs or outputs changed."""

    code: ClassVar[str] = "batch_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MethodNotAllowedError(RequestError):
    """The path exists, the method does not."""

    code: ClassVar[str] = "method_not_allowed"

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"Method Not Allowed: {_short(method)}; use {allowed}")
        self.method, self.allowed = method, allowed


class UnsupportedEncodingError(RequestError):
    """The body is compressed in a way we do not read."""

    code: ClassVar[str] = "unsupported_encoding"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Unsupported compression type '{_short(encoding)}'; use gzip or deflate")
        self.encoding = encoding


class ImmutableRepositoryError(RequestError):
    """Models are neither loaded nor unloaded by a call."""

    code: ClassVar[str] = "immutable_repository"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"model '{_short(name)}' cannot be loaded or unloaded by a call: releases are "
            "immutable; change its model.yaml and deploy"
        )
        self.name = name


class NoCommonStatisticsError(RequestError):
    """Statistics live with each model's own processes, not in one place."""

    code: ClassVar[str] = "no_common_statistics"

    def __init__(self) -> None:
        super().__init__(
            "each model's processes count for themselves; GET /v2/models/<model>/stats"
        )


class SequenceError(RequestError):
    """A request of a sequence comes before its start, after its end, or beyond the limit."""

    code: ClassVar[str] = "sequence"

    def __init__(self, *, model: str, reason: str) -> None:
        super().__init__(f"inference request for sequence to model '{model}': {reason}")
        self.model, self.reason = model, reason


class AccessError(RequestError):
    """Whoever asks may not."""

    code: ClassVar[str] = "access"


class UnauthenticatedError(AccessError):
    """Nobody knows who asks."""

    code: ClassVar[str] = "unauthenticated"

    def __init__(self, reason: str) -> None:
        super().__init__(f"who asks is not known: {reason}")
        self.reason = reason


class ForbiddenError(AccessError):
    """Who asks is known, and may not do this."""

    code: ClassVar[str] = "forbidden"

    def __init__(self, reason: str) -> None:
        super().__init__(f"not allowed: {reason}")
        self.reason = reason


class QuotaExceededError(AccessError):
    """A tenant asks more often, or for more at once, than it may."""

    code: ClassVar[str] = "quota_exceeded"

    def __init__(self, *, tenant: str, limit: str, retry_after_s: int) -> None:
        super().__init__(f"tenant {tenant!r} is over its {limit}; ask again in {retry_after_s} s")
        self.tenant, self.limit, self.retry_after_s = tenant, limit, retry_after_s


class ShedError(QuotaExceededError):
    """Capacity is short, and others come first."""

    code: ClassVar[str] = "shed"

    def __init__(self, *, tenant: str, priority: int, retry_after_s: int) -> None:
        super().__init__(tenant=tenant, limit="priority", retry_after_s=retry_after_s)
        sentence = f"capacity is short and priority {priority} of tenant {tenant!r} has to wait"
        self.args = (f"{sentence}; ask again in {retry_after_s} s",)
        self.priority = priority


class PayloadTooLargeError(RequestError):
    """The request is larger than we are willing to read."""

    code: ClassVar[str] = "payload_too_large"

    def __init__(self, *, what: str, limit: int, mend: str) -> None:
        super().__init__(f"{what} exceeds {limit}; {mend}")
        self.what, self.limit, self.mend = what, limit, mend


class ResponseTooLargeError(RequestError):
    """The answer does not fit the transport; the caller can ask for it in another way."""

    code: ClassVar[str] = "response_too_large"

    def __init__(self, *, size_bytes: int, limit_bytes: int, model: str) -> None:
        super().__init__(
            f"the response takes {size_bytes} bytes and the limit is {limit_bytes}: ask for fewer "
            "outputs or rows, ask for binary outputs (parameters.binary_data_output = true), or "
            f"use POST /v2/models/{model}/infer_async"
        )
        self.size_bytes, self.limit_bytes, self.model = size_bytes, limit_bytes, model


# ------------------------------------------------------------------ we must fix it
class ServiceError(FalajError):
    """The service must fix it; the guard counts it."""

    code: ClassVar[str] = "internal"


class InvalidOutputError(ServiceError):
    """The model answered with NaN, Inf or something its signature does not promise."""

    code: ClassVar[str] = "invalid_output"

    def __init__(self, *, name: str, model: str, reason: str) -> None:
        super().__init__(f"output '{name}' of model '{model}' is invalid: {reason}")
        self.name, self.model, self.reason = name, model, reason


class UnavailableError(ServiceError):
    """Nothing is wrong with the request; the same will be answered after a while."""

    code: ClassVar[str] = "unavailable"

    def __init__(self, reason: str, *, retry_after_s: int) -> None:
        super().__init__(f"{reason}; try again in {retry_after_s} s")
        self.reason, self.retry_after_s = reason, retry_after_s


class OverloadedError(UnavailableError):
    """More is waiting than will be answered in time."""

    code: ClassVar[str] = "overloaded"

    def __init__(self, *, model: str, waiting: int, retry_after_s: int = 1) -> None:
        super().__init__(
            f"Exceeds maximum queue size: {waiting} requests wait for model '{model}'",
            retry_after_s=retry_after_s,
        )
        self.model, self.waiting = model, waiting


class CrowdedError(UnavailableError):
    """There is no room for another message among those that are read or waited for."""

    code: ClassVar[str] = "crowded"

    def __init__(self) -> None:
        super().__init__("too many large requests at once", retry_after_s=1)


class ServiceUnreachableError(UnavailableError):
    """A GPU service takes no connection, or does not answer in time."""

    code: ClassVar[str] = "service_unreachable"

    def __init__(self, *, reason: str, retry_after_s: int = 5) -> None:
        super().__init__(f"the service cannot be reached ({reason})", retry_after_s=retry_after_s)


class DrainingError(UnavailableError):
    """This replica is going away; another one answers."""

    code: ClassVar[str] = "draining"

    def __init__(self) -> None:
        super().__init__("this replica is shutting down", retry_after_s=1)


class DeadlineExceededError(ServiceError):
    """The request waited for longer than its answer is of use."""

    code: ClassVar[str] = "deadline_exceeded"

    def __init__(self, *, model: str, waited_ms: float) -> None:
        super().__init__(
            f"Request timeout expired: {waited_ms:.0f} ms in the queue of model '{model}'"
        )
        self.model, self.waited_ms = model, waited_ms


class EngineError(ServiceError):
    """The engine failed while running the model."""

    code: ClassVar[str] = "engine"

    def __init__(self, *, model: str, reason: str) -> None:
        super().__init__(f"model '{model}' failed: {reason}")
        self.model, self.reason = model, reason


class FunctionFailedError(ServiceError):
    """A model's function ended without an answer."""

    code: ClassVar[str] = "function_failed"

    def __init__(self, *, model: str) -> None:
        super().__init__(f"the function of model '{model}' ended without an answer")
        self.model = model


class FunctionTimeoutError(FunctionFailedError):
    """A model's function ran out of time."""

    code: ClassVar[str] = "function_timeout"

    def __init__(self, *, model: str) -> None:
        super().__init__(model=model)
        self.args = (f"the function of model '{model}' ran out of time",)


class AbandonedError(ServiceError):
    """An asynchronous request came so often that it is given up."""

    code: ClassVar[str] = "abandoned"

    def __init__(self, *, model: str, attempts: int) -> None:
        super().__init__(
            f"model '{model}' has not answered in {attempts} attempts, "
            "none of which could be finished; send the request again"
        )
        self.model, self.attempts = model, attempts


class ArtefactError(ServiceError):
    """A model's files are missing, altered or contradict their manifest."""

    code: ClassVar[str] = "artefact"

    def __init__(self, *, artefact: str, reason: str) -> None:
        super().__init__(f"{artefact}: {reason}")
        self.artefact, self.reason = artefact, reason


class UnsupportedModelError(ArtefactError):
    """The model loads, but cannot be served over tensors as it is."""

    code: ClassVar[str] = "unsupported_model"


class UntrustedArtefactError(ArtefactError):
    """Nobody whom the release trusts has signed the artefact."""

    code: ClassVar[str] = "untrusted_artefact"


class DependencyError(ServiceError):
    """A service that the controller depends on refused or did not answer."""

    code: ClassVar[str] = "dependency"

    def __init__(self, *, service: str, doing: str, reason: str) -> None:
        super().__init__(f"{service} did not {doing}: {reason}")
        self.service, self.doing, self.reason = service, doing, reason


class LostRaceError(ServiceError):
    """A conditional write found that somebody else had written."""

    code: ClassVar[str] = "lost_race"

    def __init__(self, *, what: str) -> None:
        super().__init__(f"{what} was changed by somebody else; it is read again")
        self.what = what


class BatchIncompleteError(ServiceError):
    """Shards of a batch were not answered; the same run again answers them alone."""

    code: ClassVar[str] = "batch_incomplete"

    def __init__(self, missing: Sequence[int]) -> None:
        some = _short(", ".join(map(str, missing)))
        super().__init__(
            f"{len(missing)} shards have no receipt ({some}); repeat the run to answer them"
        )
        self.missing = tuple(missing)


class ControllerError(ServiceError):
    """A tick could not look after every model; the others were looked after."""

    code: ClassVar[str] = "controller"

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{model}: {reason}" for model, reason in failures.items()))
        self.failures = dict(failures)


class AnalystError(ServiceError):
    """A round could not look after every experiment; the others were looked after."""

    code: ClassVar[str] = "analyst"

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in failures.items()))
        self.failures = dict(failures)


# --------------------------------------------------------- refused before it runs
class ConfigurationError(FalajError):
    """A setting, catalogue entry or template is refused, with every fault at once."""

    code: ClassVar[str] = "configuration"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def _short(text: str, limit: int = 120) -> str:
    """Quote a stranger's text without letting it flood the answer."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def _dimensions(shape: Sequence[int]) -> str:
    """Write a shape as Triton does: `[-1,16]`."""
    return "[" + ",".join(map(str, shape)) + "]"


class GuardInputError(ServiceError, ValueError):
    """A count, share or level that the guard cannot reckon with."""

    code: ClassVar[str] = "guard_input"

    def __init__(self, *, name: str, got: object, wanted: str) -> None:
        super().__init__(f"{name} is {got!r}; it must be {wanted}")
        self.name, self.got, self.wanted = name, got, wanted
