"""What is wrong with an operator's AWS credentials, and what to do about it.

Sources, read 2026-11-22:
    docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html and
    docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html (ExpiredTokenException,
    UnrecognizedClientException, IncompleteSignature); the codes of older services, `ExpiredToken`
    and `InvalidClientTokenId`, as botocore's service models list them.
    docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html: me-central-1 is disabled
    until an account enables it, and knows none of its credentials before.
"""

from typing import ClassVar, Final

from cli.failures import CommandError
from falaj.contract import REGION

SIGN_IN: Final = "sign in again (`aws sso login` or `aws login`), or renew AWS_SESSION_TOKEN"
GIVE_SOME: Final = (
    "sign in (`aws sso login` or `aws login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
CHECK_THEM: Final = (
    "check them with `aws sts get-caller-identity`, and that the account has enabled the region "
    f"(`aws account get-region-opt-status --region-name {REGION}`)"
)
CHECK_KEY: Final = "check the secret access key, and that this machine's clock is right"

REFUSED: Final = {
    "ExpiredToken": ("have expired", SIGN_IN),
    "ExpiredTokenException": ("have expired", SIGN_IN),
    "InvalidAccessKeyId": ("are unknown there", CHECK_THEM),
    "InvalidClientTokenId": ("are unknown there", CHECK_THEM),
    "UnrecognizedClientException": ("are unknown there", CHECK_THEM),
    "AuthFailure": ("are unknown there", CHECK_THEM),
    "InvalidSignatureException": ("do not fit each other", CHECK_KEY),
    "SignatureDoesNotMatch": ("do not fit each other", CHECK_KEY),
    "RequestExpired": ("were used at another time than now", CHECK_KEY),
    "RequestTimeTooSkewed": ("were used at another time than now", CHECK_KEY),
}
"""Error codes of AWS: what is wrong with the credentials, and the mend."""

UNUSABLE: Final = {
    "NoCredentialsError": ("no AWS credentials were found", GIVE_SOME),
    "PartialCredentialsError": ("the AWS credentials are incomplete", GIVE_SOME),
    "ProfileNotFound": (
        "there is no such AWS profile",
        "`aws configure list-profiles` names those there are; AWS_PROFILE chooses one",
    ),
    "CredentialRetrievalError": ("the AWS credentials could not be fetched", SIGN_IN),
    "TokenRetrievalError": ("the AWS credentials could not be fetched", SIGN_IN),
    "SSOTokenLoadError": ("nobody is signed in to AWS", SIGN_IN),
    "UnauthorizedSSOTokenError": ("the sign-in to AWS has expired", SIGN_IN),
    "LoginTokenLoadError": ("nobody is signed in to AWS", SIGN_IN),
    "LoginRefreshRequired": ("the sign-in to AWS has expired", SIGN_IN),
}
"""Exceptions of botocore, by name, since their module takes half a second to import."""


class CredentialsError(CommandError):
    """AWS does not let these credentials in, or there are none."""

    code: ClassVar[str] = "credentials"


def refused(place: str, code: str, message: str) -> CredentialsError | None:
    """Return what a service's refusal says of the credentials; None if it is not about them.

    Args:
        place: How the region is called in a sentence.
        code: The error's code.
        message: What the service says.
    """
    if code not in REFUSED:
        return None
    wrong, mend = REFUSED[code]
    said = f"{code}: {message.rstrip('.')}"
    return CredentialsError(f"the credentials for {place} {wrong} ({said})", mend=mend)


def unusable(error: Exception) -> CredentialsError | None:
    """Return what keeps botocore from using credentials; None if something else does."""
    kind = type(error).__name__
    if kind not in UNUSABLE:
        return None
    wrong, mend = UNUSABLE[kind]
    return CredentialsError(f"{wrong} ({str(error).rstrip('.')})", mend=mend)
