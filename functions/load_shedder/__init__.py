"""Lets the last priorities wait while a model is short of room."""
