"""The token issuer's public keys, as a stack or an operator put them into an SSM parameter."""

from falaj.aws.calls import Client, calling


class IssuerKeys:
    """Reads the parameter with the issuer's key set.

    Args:
        client: An SSM client.
        parameter: The parameter's name.
    """

    def __init__(self, client: Client, parameter: str) -> None:
        self._ssm, self._parameter = client, parameter

    def fetch(self) -> str:
        """Return the key set's text.

        Raises:
            DependencyError: SSM does not answer, or has no such parameter.
        """
        with calling("ssm", "give the issuer's keys"):
            answer = self._ssm.get_parameter(Name=self._parameter)
        return str(answer["Parameter"]["Value"])
