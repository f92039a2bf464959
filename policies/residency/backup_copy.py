"""Backups lie beside what they back up."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule

_COPIES: Final = (
    "CopyActions",
    "CrossRegionCopyRules",
    "CrossRegionCopyTargets",
    "CrossRegionCopy",
    "ShareRules",
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for path, key in resource.texts:
        if key in _COPIES and path.endswith(key):
            yield f"{path} copies backups to another place"


RULE = Rule(
    id="residency.backup-copy",
    title="No copy of a backup elsewhere",
    reason="A backup holds the data itself; a copy action moves it to another vault.",
    source="https://docs.aws.amazon.com/aws-backup/latest/devguide/cross-region-backup.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-8.13"),
    types=("AWS::Backup::BackupPlan", "AWS::DLM::LifecyclePolicy"),
    check=_check,
)
