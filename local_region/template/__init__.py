"""CloudFormation's template language: intrinsics, conditions, parameters, dependencies."""
