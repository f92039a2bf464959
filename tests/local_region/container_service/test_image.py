"""Promise: an image is what its Dockerfile copies and sets, and its paths are found here."""

from pathlib import Path

import pytest

from local_region.container_service.image import Image, ImageError, located
from tests.local_region.container_service.conftest import ROOT

DOCKERFILE = """
# a comment
ARG WHICH=one
FROM base
COPY code/${WHICH} /opt/app
COPY code/a.txt code/b.txt \\
     /etc/app/
RUN rm -rf / && echo "never carried out"
ENV PYTHONPATH=/opt/app \\
    NAME=$WHICH
STOPSIGNAL SIGINT
ENTRYPOINT ["python"]
CMD ["-m", "app"]
"""


@pytest.fixture
def context(tmp_path):
    """A build context."""
    for name in ("code/one/app.py", "code/two/app.py", "code/a.txt", "code/b.txt"):
        file = tmp_path / "context" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "context"


def built(context, text, **arguments):
    """The image of a Dockerfile."""
    (context / "Dockerfile").write_text(text)
    return Image.build(context, "Dockerfile", arguments=arguments, into=context.parent / "image")


def test_what_is_copied_and_set(context):
    """Arguments, continued lines, several sources, folders and defaults, as Docker reads them."""
    image = built(context, DOCKERFILE, WHICH="two")
    assert (image.root / "opt/app/app.py").read_text() == "code/two/app.py"
    assert (image.root / "etc/app/b.txt").read_text() == "code/b.txt"
    assert image.environment == {"PYTHONPATH": "/opt/app", "NAME": "two"}
    assert image.command == ("python", "-m", "app")
    assert image.stop_signal.name == "SIGINT"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("COPY nothing /opt", "not in the build context"),
        ("ONBUILD RUN x", "ONBUILD"),
    ],
)
def test_what_cannot_be_stood_for_is_named(context, text, reason):
    """Nothing is left out in silence."""
    with pytest.raises(ImageError, match=reason):
        built(context, text)


def test_the_repositorys_image_runs_the_layers_own_code(tmp_path):
    """The trees are equal, file by file."""
    image = Image.build(ROOT, "gpu_endpoints/Dockerfile", arguments={}, into=tmp_path / "image")
    layer, copied = ROOT / "layers/runtime/python/falaj", image.root / "opt/falaj/python/falaj"
    files = {
        path.relative_to(layer)
        for path in layer.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == {path.relative_to(copied) for path in copied.rglob("*") if path.is_file()}
    assert all((layer / file).read_bytes() == (copied / file).read_bytes() for file in files)


@pytest.mark.parametrize(
    ("value", "here"),
    [
        ("/models", "/v/m"),
        ("/models/a", "/v/m/a"),
        ("/modelsx", "/i/modelsx"),
        ("/opt/a:/models", "/i/opt/a:/v/m"),
        ("models", "models"),
        ("//host/path", "//host/path"),
        ("/falaj/capture/keys", "/falaj/capture/keys"),
        ("http://a/models", "http://a/models"),
    ],
)
def test_paths_are_found_where_they_lie(value, here):
    """Mounts come before the image; what is no path stays as it is."""
    assert located(value, {"/": Path("/i"), "/models": Path("/v/m")}) == here
