"""What the system is about: tensors, signatures, releases. Pure values, standard library only."""
