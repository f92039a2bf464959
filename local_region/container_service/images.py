"""The images that task definitions name, found among the assembly's own and built once each."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_region.container_service.image import Image, ImageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """What an image of the assembly is built from."""

    context: Path
    dockerfile: str
    arguments: Mapping[str, str] = field(default_factory=dict)


class Images:
    """Images by the names that templates give them.

    Args:
        folder: Where their files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: dict[str, ImageSource] = {}
        self._built: dict[str, Image] = {}

    def offer(self, tag: str, source: ImageSource) -> None:
        """Note what an image of the assembly is built from, by its tag."""
        self._sources[tag] = source

    def knows(self, name: str) -> bool:
        """Say whether an image is one of the assembly's."""
        return name.rpartition(":")[2] in self._sources

    def image(self, name: str) -> Image:
        """Return an image, built if it was not.

        Raises:
            ImageError: It is another registry's, or its Dockerfile says what is not known here.
        """
        source = self._sources.get(name.rpartition(":")[2])
        if source is None:
            raise ImageError(
                f"image {name}: it is not built from this repository, and there is no Docker here"
            )
        text = json.dumps(
            [str(source.context), source.dockerfile, sorted(source.arguments.items())]
        )
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        if key not in self._built:
            self._built[key] = Image.build(
                source.context,
                source.dockerfile,
                arguments=source.arguments,
                into=self._folder / key,
            )
        return self._built[key]
