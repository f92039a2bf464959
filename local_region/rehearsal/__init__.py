"""A whole rollout in virtual time: real templates, real handlers, faults on demand."""
