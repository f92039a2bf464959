"""Readers of records, by format: each understands a record, and tells a bad one's key if it can."""

from typing import Final, Protocol

import orjson

from falaj.batch.columns import Columns
from falaj.batch.lines import cells_of
from falaj.batch.rows import Row, key_of, row_of_fields, row_of_json
from falaj.engines.repository import ServedModel
from falaj.errors import MalformedRequestError, RequestError

_BOM: Final = b"\xef\xbb\xbf"


class Reader(Protocol):
    """Reads the records of one shard."""

    def row(self, text: bytes) -> Row:
        """Understand a record.

        Raises:
            RequestError: It is no record, or not one of this model.
            UnicodeDecodeError: It is not UTF-8.
        """
        ...

    def key(self, text: bytes) -> str | int | None:
        """Return what a record calls itself, even a bad one; None if unknown."""
        ...


class JsonReader:
    """Reads JSON Lines.

    Args:
        model: For which model.
    """

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    def row(self, text: bytes) -> Row:
        """Understand a record."""
        return row_of_json(text, self._model)

    def key(self, text: bytes) -> str | int | None:
        """Return what a record calls itself."""
        try:
            value = orjson.loads(text)
            return key_of(value, self._model.check.inputs) if isinstance(value, dict) else None
        except (orjson.JSONDecodeError, RequestError):
            return None


class CsvReader:
    """Reads the records below a header; a header at fault is every record's fault.

    Args:
        header: The header's bytes.
        model: For which model.
    """

    def __init__(self, header: bytes, model: ServedModel) -> None:
        self._model = model
        self._columns: Columns | None = None
        self._fault = ""
        try:
            self._columns = Columns.of(_cells(header.removeprefix(_BOM)), model.check.inputs)
        except (RequestError, UnicodeDecodeError) as error:
            self._fault = f"the object's header: {error}"

    def row(self, text: bytes) -> Row:
        """Understand a record."""
        if self._columns is None:
            raise MalformedRequestError(self._fault)
        cells = _cells(text)
        fields = self._columns.fields(cells, self._model.check.inputs)
        return row_of_fields(fields, self._model, self._named(cells))

    def key(self, text: bytes) -> str | None:
        """Return what a record calls itself."""
        try:
            return self._named(_cells(text))
        except (RequestError, UnicodeDecodeError):
            return None

    def _named(self, cells: list[str]) -> str | None:
        column = None if self._columns is None else self._columns.key
        if column is None or column >= len(cells):
            return None
        return cells[column].strip() or None


def _cells(text: bytes) -> list[str]:
    cells = cells_of(text)
    if cells is None:
        raise MalformedRequestError("the record's quotes are not those of RFC 4180")
    return cells
