"""The alarm on environments that refuse to start because of what they should load."""

from constructs import Construct

from falaj.contract import METRIC_REFUSED_STARTS
from infra.constructs.alarm_at_once import Counted, alarm_at_once


class ArtefactAlarm(Construct):
    """Tells people at the first refusal, of whichever model.

    The rollout controller needs no telling: it asks a version for its golden cases before it gives
    it any share, and one that does not start is rolled back (docs/decisions/0019). ECS takes back
    what does not become healthy.
    """

    def __init__(self, scope: Construct, id_: str, *, topic_arn: str) -> None:
        """Make the alarm.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            topic_arn: Who is told.
        """
        super().__init__(scope, id_)
        alarm_at_once(
            self,
            "RefusedStarts",
            counted=Counted(metric=METRIC_REFUSED_STARTS),
            says="A model function or container refused to start: its model, manifest or "
            "signature is not what was published. Search the model's log group for "
            '"refused to start"; the line says which file and why',
            topic_arn=topic_arn,
        )
