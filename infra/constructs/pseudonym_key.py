"""The key from which pseudonyms' keys are derived; it never leaves KMS, and its end is theirs."""

from aws_cdk import aws_kms as kms
from constructs import Construct

from falaj.contract import PSEUDONYM_KEY_ALIAS
from infra.constructs.customer_key import account_governs
from infra.constructs.keeping import keep


class PseudonymKey(Construct):
    """An HMAC key, in this region only.

    Attributes:
        key: The key.

    Source:
        docs.aws.amazon.com/kms/latest/developerguide/hmac.html (HMAC_256, GENERATE_VERIFY_MAC);
        rotate-keys.html: HMAC keys are not rotated automatically. A rotated one would give every
        subject another name in the middle of an experiment.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        alias: str = PSEUDONYM_KEY_ALIAS,
        names: str = "experiments' subjects",
    ) -> None:
        """Make the key.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            alias: What functions name it by.
            names: Who has pseudonyms by it, for its description.
        """
        super().__init__(scope, id_)
        self.key = kms.CfnKey(
            self,
            "Resource",
            description=f"Falaj: pseudonyms of {names}; deleting it erases them",
            key_spec="HMAC_256",
            key_usage="GENERATE_VERIFY_MAC",
            multi_region=False,
            key_policy={"Version": "2012-10-17", "Statement": [account_governs()]},
        )
        keep(self.key)
        # Functions name the key by its alias: a release must not differ by what AWS calls it.
        kms.CfnAlias(self, "Alias", alias_name=alias, target_key_id=self.key.ref)
