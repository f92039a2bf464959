"""The alias whose weights are the rollout, read and written with compare-and-swap."""

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import LIVE_ALIAS
from falaj.domain.actions import SetShare
from falaj.domain.observation import AliasState
from falaj.errors import LostRaceError


class LiveAlias:
    """The alias `live` of model functions; the controller is its only writer.

    Args:
        client: A Lambda client.
    """

    def __init__(self, client: Client) -> None:
        self._lambda = client

    def read(self, function: str) -> AliasState | None:
        """Return where it points; None while the stack has not made it.

        Raises:
            DependencyError: Lambda does not answer.
        """
        with calling("lambda", f"read the alias of {function}"):
            try:
                found = self._lambda.get_alias(FunctionName=function, Name=LIVE_ALIAS)
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return None
                raise
        return AliasState(
            version=found["FunctionVersion"],
            weights=dict(found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})),
            revision_id=found["RevisionId"],
        )

    def set(self, function: str, share: SetShare) -> None:
        """Point it, version and weights together, if nobody has touched it since it was read.

        Raises:
            LostRaceError: Somebody has.
            DependencyError: Lambda refused or does not answer.

        Source:
            docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html: `RevisionId`
            (PreconditionFailedException when stale) and `RoutingConfig`; empty weights remove them.
        """
        with calling("lambda", f"set the alias of {function}"):
            try:
                self._lambda.update_alias(
                    FunctionName=function,
                    Name=LIVE_ALIAS,
                    FunctionVersion=share.version,
                    RoutingConfig={"AdditionalVersionWeights": dict(share.weights)},
                    RevisionId=share.revision_id,
                )
            except ClientError as error:
                if code_of(error) == "PreconditionFailedException":
                    raise LostRaceError(what=f"alias {LIVE_ALIAS} of {function}") from error
                raise
