"""Answers around kept text: what differs from one to the next is their numbers.

The bytes are those of `falaj.http.encoding.encoded`. Where they cannot be had this way (text, a
choice of outputs, something that is not a number) it is asked.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from falaj.contract import HEADER_BINARY_LENGTH
from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.http.binary_tensors import binary_from_tensor
from falaj.http.encoding import BINARY, JSON, encoded, is_finite

MOST_FRAMES: Final = 64
NOT_A_NUMBER: Final = b"null"
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY
_BETWEEN: Final = b"],["

Shapes = tuple[tuple[int, ...], ...]


class AnswerFrames:
    """Writes a model's answers around kept text; one for each model version.

    Args:
        model: Whose.
    """

    def __init__(self, model: ServedModel) -> None:
        check = model.check
        self._model = model
        self._all, self._all_as_binary = check.all_as_json, check.all_as_binary
        self._types = [spec.datatype for spec in check.outputs.values()]
        self._has_text = any(spec.datatype is Datatype.BYTES for spec in check.outputs.values())
        self._before = orjson.dumps({"model_name": model.name, "model_version": model.version})
        self._names = [
            orjson.dumps({"name": name, "datatype": kind})
            for name, kind in check.output_types.items()
        ]
        self._frames: dict[Shapes, bytes] = {}
        self._heads: dict[Shapes, bytes] = {}

    @property
    def held(self) -> int:
        """Texts that are kept."""
        return len(self._frames) + len(self._heads)

    def answer(
        self, request: InferenceRequest, tensors: Sequence[Tensor]
    ) -> tuple[bytes, dict[str, str]]:
        """Write an answer, around kept text where that can be.

        Returns:
            What `encoded` would.

        Raises:
            InvalidOutputError: An output holds NaN or Inf, or text that is not UTF-8.
        """
        if request.id is None and not self._has_text:
            if request.outputs is self._all:
                text = self.filled(tensors)
                if text is not None:
                    return text, {"content-type": JSON}
            elif request.outputs is self._all_as_binary and all(map(is_finite, tensors)):
                return self._binary(request, tensors)
        return encoded(self._model, request, tensors)

    def suits(self, request: InferenceRequest) -> bool:
        """Whether a request asks for all outputs as numbers in JSON, and has no id to echo."""
        return request.outputs is self._all and request.id is None and not self._has_text

    def filled(self, tensors: Sequence[Tensor]) -> bytes | None:
        """Write an answer to a request that suits; None where a number is none."""
        text = orjson.dumps([tensor.ravel() for tensor in tensors], option=_NUMPY)
        if NOT_A_NUMBER in text:
            return None
        frame = self.frame(tuple([tensor.shape for tensor in tensors]))
        return frame % tuple(text[2:-2].split(_BETWEEN))

    def _binary(
        self, request: InferenceRequest, tensors: Sequence[Tensor]
    ) -> tuple[bytes, dict[str, str]]:
        """Put the numbers behind the JSON part, which depends on their shapes alone."""
        shapes = tuple([tensor.shape for tensor in tensors])
        head = self._heads.get(shapes)
        if head is None:
            body, headers = encoded(self._model, request, tensors)
            _keep(self._heads, shapes, body[: int(headers[HEADER_BINARY_LENGTH])])
            return body, headers
        parts = map(binary_from_tensor, self._types, tensors)
        headers = {"content-type": BINARY, HEADER_BINARY_LENGTH: str(len(head))}
        return b"".join((head, *parts)), headers

    def frame(self, shapes: Shapes) -> bytes:
        """Return what stands around the numbers, as a format with a place for each output's."""
        frame = self._frames.get(shapes)
        if frame is None:
            outputs = b",".join(
                b'%b,"shape":%b,"data":[%%b]}' % (_escaped(name[:-1]), orjson.dumps(shape))
                for name, shape in zip(self._names, shapes, strict=True)
            )
            frame = b'%b,"outputs":[%b]}' % (_escaped(self._before[:-1]), outputs)
            _keep(self._frames, shapes, frame)
        return frame


def _keep(texts: dict[Shapes, bytes], shapes: Shapes, text: bytes) -> None:
    if len(texts) >= MOST_FRAMES:
        texts.clear()  # callers choose shapes; they must not fill the memory
    texts[shapes] = text


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
