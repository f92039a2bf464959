"""How long the property tests may search.

`pytest --hypothesis-profile=long FILE` plays the thousand interleavings that `make check` has no
time for.
"""

from hypothesis import settings

settings.register_profile("long", max_examples=1000)
