"""Units that stacks are composed of; each owns its resources and publishes what it made."""
