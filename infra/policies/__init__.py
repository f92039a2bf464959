"""The policy pack as a plugin of the CDK: the same rules, while synthesizing."""
