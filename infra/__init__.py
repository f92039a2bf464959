"""The stacks: what a catalogue becomes in me-central-1. Only this package sees the CDK.

Importing any part of it first names the Node that jsii shall run, since jsii starts its kernel when
`aws_cdk` is imported.
"""

from infra.node import use_packaged_node

use_packaged_node()
