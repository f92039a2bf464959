"""What runs a model: the engine, the models it holds, and checks of tensors against a signature."""
