"""Statistics of experiments: joins, tests, verdicts and reports, with NumPy and SciPy.

`falaj` never imports this package; the report function and the CLI do.
"""
