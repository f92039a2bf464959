"""The shadow's order, as the rollout controller writes it."""

from falaj.aws.calls import Client, calling
from falaj.contract import shadow_parameter
from falaj.domain.shadow import NO_SHADOW, ShadowOrder


class ShadowOrders:
    """Writes the parameters that stable's environments read.

    Args:
        client: An SSM client.
    """

    def __init__(self, client: Client) -> None:
        self._ssm = client

    def write(self, model: str, order: ShadowOrder | None) -> None:
        """Say where copies of a model's requests go; None stops them.

        Raises:
            DependencyError: SSM does not answer.
        """
        value = NO_SHADOW if order is None else order.to_json()
        with calling("ssm", f"keep the shadow of {model}"):
            self._ssm.put_parameter(
                Name=shadow_parameter(model), Value=value, Type="String", Overwrite=True
            )
