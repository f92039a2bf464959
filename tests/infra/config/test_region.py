"""Promise: what the region offers is known before anything is asked of it."""

from infra.config.region import RegionFacts


def test_the_zones_with_gpus_are_zones_of_the_region():
    """A GPU never waits for a zone that does not exist."""
    facts = RegionFacts.load()

    zones = {zone for offered in facts.gpu_by_az_id.values() for zone in offered}
    assert zones <= set(facts.availability_zone_ids)


def test_a_zone_without_a_family_does_not_offer_it():
    """The third zone has no g6."""
    facts = RegionFacts.load()

    assert "g6.xlarge" in facts.gpu_types_in(("mec1-az1",))
    assert facts.gpu_types_in(("mec1-az3",)) == ("p5en.48xlarge",)


def test_every_type_in_the_templates_is_offered_here(assembly):
    """CloudFormation would refuse the stack after minutes."""
    offered = RegionFacts.load().cfn_types
    used = {
        resource["Type"]
        for template in assembly.templates.values()
        for resource in template["Resources"].values()
    }

    assert used - offered == set()


def test_sagemaker_endpoints_are_not_offered():
    """Why GPU models run on ECS."""
    assert "AWS::SageMaker::Endpoint" not in RegionFacts.load().cfn_types
