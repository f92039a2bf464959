"""A region on this machine: reads `cdk.out` as data and runs it. Knows nothing else."""
