"""The catalogue: reading `models/`, letting models in, building their bytes."""
