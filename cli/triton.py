"""`falaj models triton`: the configuration with which NVIDIA's server would serve a model."""

from pathlib import Path
from typing import Annotated

import typer

from cli.completion import model_names
from cli.options import AsJson
from cli.printing import answer
from cli.settings import Settings

Name = Annotated[str, typer.Argument(help="The model.", autocompletion=model_names)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder of a Triton model repository to write it into."),
]


def triton(name: Name, *, output: Output = None, as_json: AsJson = False) -> None:
    """Print a model's config.pbtxt, checked against Triton's own protobuf."""
    from catalogue.built import built_version, members_of  # noqa: PLC0415 - onnx waits
    from catalogue.reading import load_catalogue  # noqa: PLC0415 - onnx waits
    from catalogue.triton import CONFIG_FILE  # noqa: PLC0415 - protobuf waits
    from catalogue.triton_repository import triton_configs  # noqa: PLC0415 - as above

    settings = Settings.from_env()
    spec = load_catalogue(settings.models).model(name)
    versions = [built_version(settings.build, name, version) for version in spec.versions]
    members = {m.folder: m.manifest for v in versions for m in members_of(settings.build, v)}
    configs = triton_configs(
        spec,
        [version.manifest for version in versions],
        list(members.values()),
        [version.model_path.read_bytes() for version in versions if version.manifest.is_ensemble],
    )
    text = configs[name]
    if output is None:
        if as_json:
            answer({"model": name, "config": text}, as_json=True)
        else:
            typer.echo(text, nl=False)  # to be piped into a file: nothing may be wrapped
        return
    for model, written in configs.items():
        path = output / model / CONFIG_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8")
    path = output / name / CONFIG_FILE
    answer({"model": name, "path": str(path)}, f"{path}", as_json=as_json)
