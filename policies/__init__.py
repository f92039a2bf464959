"""The rules that every template must meet: one rule per file, a good and a bad template beside it.

Rules look at finished templates as data. They know neither the CDK nor AWS, so that synthesis, the
audit and the tests run exactly the same ones.
"""
