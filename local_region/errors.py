"""What the local region refuses before anything runs, each in one sentence that says what to do.

ConfigurationError                 (falaj.errors)
├── AssemblyError                  cdk.out is missing, half-written or for another region
├── AssetError                     a file or folder that a template names is not there
├── TemplateError                  a template says what this region does not understand
├── OpenApiError                   … or the OpenAPI body of an API does
│   └── UnenforceableSecurityError   a route asks for a check that nobody here would make
├── PortInUseError                 someone else listens there
└── AccountInUseError              two regions of one process would share their state
"""

from pathlib import Path

from falaj.errors import ConfigurationError


class AssemblyError(ConfigurationError):
    """The synthesized assembly cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__((f"{path}: {reason}",))
        self.path, self.reason = path, reason


class AssetError(ConfigurationError):
    """A template names an asset that is not in the assembly."""

    def __init__(self, *, stack: str, name: str, reason: str) -> None:
        super().__init__((f"{stack}: asset {name!r} {reason}",))
        self.stack, self.name, self.reason = stack, name, reason


class TemplateError(ConfigurationError):
    """A template says something that this region does not understand."""

    def __init__(self, *, stack: str, logical_id: str, resource_type: str, reason: str) -> None:
        super().__init__((f"{stack}/{logical_id} ({resource_type}): {reason}",))
        self.stack, self.logical_id, self.resource_type = stack, logical_id, resource_type
        self.reason = reason


class OpenApiError(ConfigurationError):
    """The OpenAPI body of an API says something that the gateway does not understand."""

    def __init__(self, *, api: str, where: str, reason: str) -> None:
        super().__init__((f"API {api}, {where}: {reason}",))
        self.api, self.where, self.reason = api, where, reason


class UnenforceableSecurityError(OpenApiError):
    """A route names a security scheme that the local gateway cannot enforce.

    Serving it open would let through what AWS refuses.
    """

    def __init__(self, *, api: str, where: str, scheme: str) -> None:
        super().__init__(
            api=api,
            where=where,
            reason=f"security {scheme!r} is not enforced in the local region, and an open route "
            "would let through what AWS refuses; synthesize it with open access to run it here",
        )
        self.scheme = scheme


class PortInUseError(ConfigurationError):
    """Another program listens on the port."""

    def __init__(self, *, port: int, setting: str) -> None:
        super().__init__(
            (f"port {port} on 127.0.0.1 is already in use; set {setting} to another one",)
        )
        self.port, self.setting = port, setting


class AccountInUseError(ConfigurationError):
    """Another region of this process holds the account's state."""

    def __init__(self, account: str) -> None:
        sentence = (
            f"account {account} is already open in this process; "
            "close the other region or open this one with another account"
        )
        super().__init__((sentence,))
        self.account = account
