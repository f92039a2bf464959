"""No template asks for a type that the region does not offer."""

import json
from pathlib import Path

from falaj.contract import REGION
from infra.config.region import RegionFacts


def unoffered_types(assembly: Path) -> list[str]:
    """Return a sentence for each resource in an assembly whose type the region lacks.

    Read from the finished templates, so that raw and third-party constructs are seen as well.
    """
    offered = RegionFacts.load().cfn_types
    return [
        f"{path.name}: {id_} is {resource['Type']}, which CloudFormation does not offer in "
        f"{REGION}; use another type ({RegionFacts.load().source})"
        for path in sorted(assembly.glob("*.template.json"))
        for id_, resource in json.loads(path.read_bytes()).get("Resources", {}).items()
        if resource["Type"] not in offered
    ]
