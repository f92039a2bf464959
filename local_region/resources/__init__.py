"""What CloudFormation would make, one small file per service and one literal table of types."""
