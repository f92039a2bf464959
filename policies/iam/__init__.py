"""No right that is not used."""
