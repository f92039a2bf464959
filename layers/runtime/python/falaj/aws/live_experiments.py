"""What runs now, in one SSM parameter per model."""

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import declared_experiments_parameter, experiments_parameter
from falaj.experiments.declared import Declared
from falaj.experiments.live import LiveExperiments


class LiveExperimentsParameter:
    """Reads and writes running experiments.

    Args:
        client: An SSM client.
    """

    def __init__(self, client: Client) -> None:
        self._ssm = client

    def read(self, model: str) -> LiveExperiments:
        """Return what runs; nothing while there is no parameter.

        Raises:
            DependencyError: SSM does not answer.
            ConfigurationError: The parameter holds something else.
        """
        return self.read_named(experiments_parameter(model))

    def read_named(self, parameter: str) -> LiveExperiments:
        """Return what a parameter says, given its whole name.

        Raises:
            DependencyError: SSM does not answer.
            ConfigurationError: The parameter holds something else.
        """
        with calling("ssm", f"give {parameter}"):
            try:
                found = self._ssm.get_parameter(Name=parameter)
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return LiveExperiments()
                raise
        return LiveExperiments.from_json(found["Parameter"]["Value"])

    def declared(self, model: str) -> Declared:
        """Return what the model's release knows of experiments; nothing without a parameter.

        Raises:
            DependencyError: SSM does not answer.
            ConfigurationError: The parameter holds something else.
        """
        name = declared_experiments_parameter(model)
        with calling("ssm", f"give {name}"):
            try:
                found = self._ssm.get_parameter(Name=name)
            except ClientError as error:
                if code_of(error) in NOT_FOUND:
                    return Declared()
                raise
        return Declared.from_json(found["Parameter"]["Value"])

    def write(self, model: str, live: LiveExperiments) -> None:
        """Say what runs from now on; requests follow within half a minute.

        Raises:
            DependencyError: SSM refused or does not answer.
            ConfigurationError: It does not fit into a parameter.
        """
        text = live.to_json()
        with calling("ssm", f"keep the running experiments of {model}"):
            self._ssm.put_parameter(
                Name=experiments_parameter(model), Value=text, Type="String", Overwrite=True
            )
