"""What can be proved from the synthesized stacks, without AWS."""
