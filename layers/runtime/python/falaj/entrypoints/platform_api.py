"""The platform's Lambda handler: FastAPI behind Mangum, the catalogue read once."""

from typing import Final

from mangum import Mangum

from falaj.config.platform import PlatformSettings
from falaj.http.platform_app import platform_app

_SETTINGS: Final = PlatformSettings.from_env()

handler: Final = Mangum(platform_app(_SETTINGS.models, release=_SETTINGS.release), lifespan="off")
"""Answers API Gateway's events, payload formats 1.0 and 2.0."""
