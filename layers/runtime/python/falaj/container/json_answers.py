"""Answers in JSON from a shared run, all of them written at once; one alone, around kept text.

The bytes are those of `falaj.http.encoding.encoded`. Where they cannot be had this way (text,
binary, a choice of outputs, something that is not a number) it is asked.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson

from falaj.batching.joining import Joint, Part
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.repository import ServedModel
from falaj.http.answer_frames import NOT_A_NUMBER, AnswerFrames

_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY
_BETWEEN: Final = b"],["


class JsonAnswers:
    """Writes a model's answers; one for each model version.

    Args:
        model: Whose.
    """

    def __init__(self, model: ServedModel) -> None:
        self._frames = AnswerFrames(model)

    @property
    def held(self) -> int:
        """Texts that are kept."""
        return self._frames.held

    def body(self, request: InferenceRequest, answer: Sequence[Tensor]) -> bytes | None:
        """Write an answer; None where only `encoded` can."""
        if not self._frames.suits(request):
            return None
        if type(answer) is not Part:
            return self._frames.filled(answer)
        joint = answer.joint
        if joint.texts is None:
            joint.texts = self._together(joint)
        return joint.texts[answer.place] if joint.texts else None

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
            if NOT_A_NUMBER in text:
                return []
            columns.append(text[2:-2].split(_BETWEEN))
        frame = self._frames.frame(tuple([(1, *output.shape[1:]) for output in joint.outputs]))
        return [frame % row for row in zip(*columns, strict=True)]
