"""Published layer versions: an ARN with a number, and the folder it stands for."""

from pathlib import Path


class LayerStore:
    """Every layer version of the region by ARN."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}
        self._numbers: dict[str, int] = {}

    def publish(self, layer_arn: str, folder: Path) -> str:
        """Return the ARN of the layer's next version."""
        number = self._numbers.get(layer_arn, 0) + 1
        self._numbers[layer_arn] = number
        version_arn = f"{layer_arn}:{number}"
        self._folders[version_arn] = folder
        return version_arn

    def folder(self, version_arn: str) -> Path | None:
        """Return the folder of a layer version; None if this region published none."""
        return self._folders.get(version_arn)
