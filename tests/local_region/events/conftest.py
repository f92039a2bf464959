"""Runs one coroutine to its end."""

import asyncio

import pytest


@pytest.fixture
def run():
    """Run a coroutine and return what it returns."""
    return asyncio.run
