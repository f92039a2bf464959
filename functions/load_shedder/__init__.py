"""Chains what model functions say of their requests, for auditors."""
