"""Requests that differ from earlier ones in their numbers only: the text around those is read once.

A client writes the same JSON around every row it asks about. For a model of a few microseconds,
checking that text again costs more than the answer. Whatever is not alike is read in the usual way.
"""

import os
from collections.abc import Callable
from struct import Struct, error as struct_error
from typing import Any, Final, NamedTuple, cast

import numpy as np
import orjson

from falaj.domain.tensors import Datatype
from falaj.engines.engine import Tensor
from falaj.engines.inference import InferenceRequest
from falaj.engines.validation import SignatureCheck
from falaj.http.documents import SMALL_BYTES
from falaj.http.json_values import RULES

MOST_FORMS: Final = 64
PAUSE: Final = 1024
"""Requests that are let by unlooked at once `MOST_FORMS` texts came and none of them recurred."""
_AROUND_BYTES: Final = 1024
_DATA: Final = b'"data"'
_OPENING: Final = ord("[")
_E, _U, _L = b"eul"  # as numbers, which are found four times as fast
_NOWHERE: Final = -2
_NOT_THESE_NUMBERS: Final = (struct_error, OverflowError, orjson.JSONDecodeError)
_NEW: Final = object()
_made: Final = cast(
    "Callable[[type[InferenceRequest], tuple[Any, ...]], InferenceRequest]", tuple.__new__
)
"""Makes a named tuple in half the time that its own constructor takes."""


class _Form(NamedTuple):
    """What a request says apart from its numbers.

    Attributes:
        start: Where these begin.
        before: The text up to and with their opening bracket.
        behind: The text from their closing bracket on.
        numbers: The place of these, brackets included.
    """

    start: int
    before: bytes
    behind: bytes
    numbers: slice
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pack: Callable[..., bytes]
    request: InferenceRequest


class RecurringRequests:
    """Reads a model's recurring JSON requests; one for each model version.

    A text is learnt when it comes a second time, from a request that passed every check: a marker
    no caller can guess is put where the numbers were, and must be found as the data of the only
    input. JSON has no context, so any other array in that place leaves the rest what it was.

    Args:
        check: The model's signature.
    """

    def __init__(self, check: SignatureCheck) -> None:
        self._code = ""
        if len(check.inputs) == 1:
            (spec,) = check.inputs.values()
            if spec.datatype is not Datatype.BOOL:  # which packing makes of anything
                self._code = RULES[spec.datatype].code
        # Not from `secrets`, whose imports a cold start does without.
        self._marker = int.from_bytes(os.urandom(8), "big") >> 2
        self._forms: dict[bytes, _Form | None] = {}
        self._latest: _Form | None = None
        self._has_helped = False
        self._paused = 0

    @property
    def held(self) -> int:
        """Texts that are known or were seen once."""
        return len(self._forms)

    def read(self, body: bytes) -> InferenceRequest | None:
        """Read a request whose text is known; None for any other.

        Args:
            body: A JSON document with nothing behind it, not compressed.

        Returns:
            What `decoded` would; None also where it would refuse, so that it says why.
        """
        if self._paused or len(body) > SMALL_BYTES:
            return None
        form = self._latest
        if form is None or not (body.startswith(form.before) and body.endswith(form.behind)):
            form = self._form_of(body)
            if form is None:
                return None
        _, _, _, numbers, name, shape, dtype, pack, request = form
        text = body[numbers]
        # true and false, which packing takes for numbers; an exponent alone is one.
        if _E in text and (_U in text or _L in text):
            return None
        try:
            packed = pack(*orjson.loads(text))
        except _NOT_THESE_NUMBERS:
            return None
        self._has_helped = True
        _, outputs, names, identifier, parameters = request
        tensor: Tensor = np.ndarray(shape, dtype, packed)
        return _made(InferenceRequest, ({name: tensor}, outputs, names, identifier, parameters))

    def _form_of(self, body: bytes) -> _Form | None:
        """The known form of a text that is not alike the last one."""
        start, end = _array_in(body)
        form = self._forms.get(body[:start] + body[end:])
        if form is None or form.start != start:
            return None
        self._latest = form
        return form

    def learn(self, body: bytes, request: InferenceRequest) -> None:
        """Note a request that was read in the usual way.

        Args:
            body: As for `read`.
            request: What it says.
        """
        if self._paused:
            self._paused -= 1
            return
        if len(body) > SMALL_BYTES or not self._code:
            return
        start, end = _array_in(body)
        around = body[:start] + body[end:]
        if start < 0 or len(around) > _AROUND_BYTES:
            return
        known = self._forms.get(around, _NEW)
        if known is _NEW:
            if len(self._forms) >= MOST_FORMS:
                self._latest = None
                self._forms.clear()  # who never says the same twice must not fill the memory
                self._paused, self._has_helped = 0 if self._has_helped else PAUSE, False
            self._forms[around] = None
        elif known is None:
            self._forms[around] = self._form(body, start, end, request)

    def _form(self, body: bytes, start: int, end: int, request: InferenceRequest) -> _Form:
        ((name, tensor),) = request.inputs.items()
        marked = b"%b[%d]%b" % (body[:start], self._marker, body[end:])
        is_alike = _is_data_of_only_input(marked, tensor.shape, self._marker)
        return _Form(
            start if is_alike else _NOWHERE,
            body[: start + 1],
            body[end - 1 :],
            slice(start, end - len(body) or None),
            name,
            tensor.shape,
            tensor.dtype,
            Struct(f"={tensor.size}{self._code}").pack,
            request._replace(inputs={}),
        )


def _array_in(body: bytes) -> tuple[int, int]:
    """Where the innermost array behind the first `"data"` begins and ends; -1, -1 without one."""
    start = body.find(_DATA)
    if start >= 0:
        start = body.find(b"[", start)
    end = body.find(b"]", start)
    if start < 0 or end < 0:
        return -1, -1
    while body[start + 1] == _OPENING:
        start += 1
    return start, end + 1


def _is_data_of_only_input(text: bytes, shape: tuple[int, ...], marker: int) -> bool:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    match document:
        case {"inputs": [{"data": data}]}:
            return [marker] in (data, _row_of(data, shape))
        case _:
            return False


def _row_of(data: Any, shape: tuple[int, ...]) -> Any:  # noqa: ANN401 - JSON
    """What is inside the brackets of data that is nested like its shape and has one row."""
    for size in shape[:-1]:
        if type(data) is not list or len(data) != 1 or size != 1:
            return None
        (data,) = data
    return data
