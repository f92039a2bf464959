"""The services that functions call: moto, in this process, under one account and region."""
