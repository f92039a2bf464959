"""A region with the rollout controller and the analyst: strict services, real clients."""

from random import Random

from analysis.desk import Desk
from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.experiment_store import ExperimentStore
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.config.analyst import AnalystSettings
from falaj.contract import TABLE_KEY, declared_experiments_parameter
from falaj.entrypoints.analyst_world import open_world as open_analyst
from falaj.entrypoints.experiment_analyst import ExperimentAnalyst
from falaj.experiments import assign
from falaj.experiments.declared import Declared
from falaj.experiments.records import Exposure, Outcome
from falaj.experiments.spec import ExperimentSpec
from tests.falaj.rollout_region import REGION, RolloutRegion

STATES = "experiments"
SPLIT = {"plan": "split", "steps": [0.5], "bake": 600.0, "max_duration": 28 * 86_400.0}
TICK = {"source": "aws.events", "detail-type": "Scheduled Event"}


class AnalystRegion(RolloutRegion):
    """A rollout region with what experiments need besides."""

    def _prepare(self):
        super()._prepare()
        plain = self.plain
        plain("dynamodb").create_table(
            TableName=STATES,
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.bucket = f"experiments-{self.account}"
        plain("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.log = ExperimentLog(plain("s3"), self.bucket)
        self.store = ExperimentStore(plain("dynamodb"), STATES)
        self.live = LiveExperimentsParameter(plain("ssm"))
        self.declare("greeting", "farewell")

    def declare(self, *names, versions=(1, 2)):
        """Say which experiments the release knows, as the model's stack does."""
        self.plain("ssm").put_parameter(
            Name=declared_experiments_parameter("m"),
            Value=Declared(names=names, versions=versions).to_json(),
            Type="String",
            Overwrite=True,
        )

    def analyst(self):
        """Start an analyst."""
        settings = AnalystSettings(
            experiments_table=STATES,
            bucket=self.bucket,
            rollouts_table=self.settings.table,
            signing_key=self.settings.signing_key,
            notices_topic=self.settings.notices_topic,
        )
        world = open_analyst(settings, Desk(), make_client=self.client)
        return ExperimentAnalyst(world, clock=self.clock, write=self.lines.append)

    def objects(self, prefix=""):
        """Return what the bucket holds below a prefix, by key."""
        s3 = self.plain("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", ())
        return {
            entry["Key"]: s3.get_object(Bucket=self.bucket, Key=entry["Key"])["Body"].read()
            for entry in listed
        }

    def show(self, spec, units, rates, *, seed=1, apart_s=1.0, arm_of=None):
        """Expose units one after the other, and tell what came of them a minute later.

        Args:
            spec: The declaration.
            units: How many.
            rates: True rate of the success metric, by arm.
            seed: Of the outcomes.
            apart_s: Seconds between two units; the clock moves on.
            arm_of: Gives a unit's arm; by default what requests would get.
        """
        rng, exposures, outcomes = Random(seed), [], []
        arm_of = arm_of or self._arm_of(spec, rng)
        for number in range(units):
            unit, at = f"user-{seed}-{number}", self.clock.now().timestamp()
            arm = arm_of(unit)
            self.clock.advance(apart_s)
            if arm is None:
                continue
            inference = f"i-{seed}-{number}"
            exposures.append(
                Exposure(experiment=spec.name, unit=unit, arm=arm, inference_id=inference, at=at)
            )
            if rng.random() < rates[arm]:
                outcomes.append(
                    Outcome(
                        inference_id=inference,
                        metric=spec.success.source,
                        value=True,
                        at=at + 60,
                    )
                )
        self.log.write_exposures(spec.model, exposures)
        if outcomes:
            self.log.write_outcomes(spec.model, outcomes, received=self.clock.now().timestamp())
        return exposures, outcomes

    def _arm_of(self, spec, rng):
        if spec.subject is None:
            names = [arm.name for arm in spec.arms]
            return lambda _: rng.choices(names, [arm.share for arm in spec.arms])[0]
        live = next(each for each in self.live.read(spec.model).sticky if each.key == spec.name)
        return lambda unit: assign(live.allocation, unit).arm


def declared(**changes):
    """Declare a sticky experiment on the region's model."""
    spec = {
        "name": "greeting",
        "model": "m",
        "unit": "subject",
        "subject": {"where": "header", "name": "x-user"},
        "arms": [
            {"name": "control", "share": 0.5, "model_version": 1},
            {"name": "warm", "share": 0.5, "model_version": 2},
        ],
        "metrics": [{"name": "conversion", "kind": "binary"}],
        "outcome_window": "10m",
        "max_duration": "14d",
    }
    return ExperimentSpec.from_dict(spec | changes)


def by_request(**changes):
    """Declare an experiment on the region's split."""
    arms = [{"name": "old", "share": 0.5}, {"name": "new", "share": 0.5}]
    return declared(**({"unit": "request", "subject": None, "arms": arms} | changes))


def start(spec):
    """What a person sends to start."""
    said = {"actor": "sara", "reason": "we want to know"}
    return {"command": {"verb": "start", "spec": spec.to_dict()} | said}


def decide(spec, choice, **more):
    """What a person sends to decide."""
    return {
        "command": {"verb": "decide", "choice": choice, "model": spec.model}
        | {"experiment": spec.name, "actor": "sara", "reason": "we know enough"}
        | more
    }


def grow(spec, coverage):
    """What a person sends to let more subjects take part."""
    return {
        "command": {"verb": "grow", "model": spec.model, "experiment": spec.name}
        | {"coverage": coverage, "actor": "sara", "reason": "no complaints"}
    }


def stop(spec):
    """What a person sends to stop."""
    return {
        "command": {"verb": "stop", "model": spec.model, "experiment": spec.name}
        | {"actor": "sara", "reason": "not now"}
    }
