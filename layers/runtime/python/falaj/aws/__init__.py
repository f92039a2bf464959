"""Adapters to AWS services; nothing else in the runtime sees boto3, apart from the entry points."""
