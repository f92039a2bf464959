"""The CDK application: what AWS is asked for. Only this package sees the CDK."""
