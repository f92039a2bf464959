"""Joins the requests of many callers into runs: a pure scheduler and its asyncio driver."""
