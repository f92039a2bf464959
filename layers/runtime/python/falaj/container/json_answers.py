"""Answers in JSON from a shared run, all of them written at once; one alone, around kept text.

The bytes are those of `falaj.http.encoding.encoded`. Where they cannot be had this way (text,
binary, a choice of outputs, something that is not a number) it is asked.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson

from falaj.batching.joining import Joint, Part
from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel

MOST_FRAMES: Final = 64
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY
_BETWEEN: Final = b"],["
_NOT_A_NUMBER: Final = b"null"

Shapes = tuple[tuple[int, ...], ...]


class JsonAnswers:
    """Writes a model's answers; one for each model version.

    Args:
        model: Whose.
    """

    def __init__(self, model: ServedModel) -> None:
        check = model.check
        self._all = check.all_as_json
        self._has_text = any(spec.datatype is Datatype.BYTES for spec in check.outputs.values())
        self._before = orjson.dumps({"model_name": model.name, "model_version": model.version})
        self._names = [
            orjson.dumps({"name": name, "datatype": kind})
            for name, kind in check.output_types.items()
        ]
        self._frames: dict[Shapes, bytes] = {}

    @property
    def held(self) -> int:
        """Texts that are kept."""
        return len(self._frames)

    def body(self, request: InferenceRequest, answer: Sequence[Tensor]) -> bytes | None:
        """Write an answer; None where only `encoded` can."""
        if request.outputs is not self._all or request.id is not None or self._has_text:
            return None
        if type(answer) is not Part:
            return self._alone(answer)
        joint = answer.joint
        if joint.texts is None:
            joint.texts = self._together(joint)
        return joint.texts[answer.place] if joint.texts else None

    def _alone(self, tensors: Sequence[Tensor]) -> bytes | None:
        frame = self._frame(tuple([tensor.shape for tensor in tensors]))
        text = orjson.dumps([tensor.ravel() for tensor in tensors], option=_NUMPY)
        if _NOT_A_NUMBER in text:
            return None
        return frame % tuple(text[2:-2].split(_BETWEEN))

    def _together(self, joint: Joint) -> list[bytes]:
        """Write every part; nothing where rows are not one each, or not all are numbers."""
        if joint.axis or not joint.is_row_each:
            return []
        columns = []
        for output in joint.outputs:
            if not output.size:
                return []
            flat = np.ascontiguousarray(output).reshape(len(output), -1)
            text = orjson.dumps(flat, option=_NUMPY)
            if _NOT_A_NUMBER in text:
                return []
            columns.append(text[2:-2].split(_BETWEEN))
        frame = self._frame(tuple([(1, *output.shape[1:]) for output in joint.outputs]))
        return [frame % row for row in zip(*columns, strict=True)]

    def _frame(self, shapes: Shapes) -> bytes:
        """What stands around the numbers, as a format with a place for each output's."""
        frame = self._frames.get(shapes)
        if frame is None:
            outputs = b",".join(
                b'%b,"shape":%b,"data":[%%b]}' % (_escaped(name[:-1]), orjson.dumps(shape))
                for name, shape in zip(self._names, shapes, strict=True)
            )
            frame = b'%b,"outputs":[%b]}' % (_escaped(self._before[:-1]), outputs)
            if len(self._frames) >= MOST_FRAMES:
                self._frames.clear()  # callers choose shapes; they must not fill the memory
            self._frames[shapes] = frame
        return frame


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
