"""Each record is answered as it would be alone, or quarantined with its reason."""

import json

import pytest

from falaj.batch.answering import outcomes
from falaj.batch.lines import lines_of
from falaj.batch.reading import CsvReader, JsonReader
from falaj.batch.shards import Format, Shard


@pytest.fixture
def told(repository):
    """Answer an object of JSON Lines or CSV; returns answers and quarantined, parsed."""

    def tell(model, text, *, is_csv=False, **options):
        served = repository.model(model)
        content = text if isinstance(text, bytes) else text.encode()
        shard = Shard(
            number=0,
            object="rows",
            etag="",
            start=0,
            end=len(content),
            format=Format.CSV if is_csv else Format.JSON_LINES,
        )
        lines = lines_of(content, shard)
        reader = CsvReader(next(lines).text, served) if is_csv else JsonReader(served)
        found = list(outcomes(lines, reader, served, **options))
        parsed = [(each.is_answered, json.loads(each.text)) for each in found]
        return [value for is_good, value in parsed if is_good], [
            value for is_good, value in parsed if not is_good
        ]

    return tell


def test_record_is_answered_under_its_own_key(told):
    """Whoever joins answers with rows needs a key, or the object and line."""
    lines = '{"id": "a", "x": [1, 2, 3]}\n{"key": 7, "x": [0, 0, 0]}\n\n[1, 2, 3]\n'
    answers, others = told("rows", lines)
    assert others == []
    assert [each["key"] for each in answers] == ["a", 7, "rows:4"]
    assert [each["at"] for each in answers] == ["rows:1", "rows:2", "rows:4"]
    assert answers[0]["outputs"] == answers[2]["outputs"]
    assert answers[1]["outputs"] == {"score": [0.0], "is_positive": [False]}


def test_company_changes_no_answer(told):
    """Whatever shares a run, each line is byte for byte what it is alone."""
    lines = "".join(f'{{"x": [{n}, {n % 7}, 0.5]}}\n' for n in range(100))
    assert told("rows", lines, batch_rows=64) == told("rows", lines, batch_rows=1)


def test_poison_among_good_records_is_alone_in_quarantine(told):
    """One record that the model cannot take costs nobody else an answer."""
    lines = "".join(f'{{"i": {9 if n == 13 else n % 3}}}\n' for n in range(40))
    answers, others = told("lookup", lines)
    assert len(answers) == 39
    assert [each["at"] for each in others] == ["rows:14"]
    assert others[0]["code"] in {"engine", "input_refused"}
    assert json.loads(others[0]["record"]) == {"i": 9}


def test_nan_in_an_answer_is_quarantined(told):
    """What is no number is never written as one."""
    answers, others = told("log", '{"x": 1}\n{"x": -1}\n{"x": 0}\n')
    assert [each["outputs"] for each in answers] == [{"y": 0.0}]
    assert [each["code"] for each in others] == ["invalid_output", "invalid_output"]


def test_element_of_every_type_is_written_as_the_api_writes_it(told):
    """A value for each type of the protocol, and back."""
    values = {"BOOL": True, "BYTES": "ض", "FP16": 0.5, "FP32": 0.1, "FP64": 0.1}
    names = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
    values |= dict.fromkeys(names, 7)
    line = json.dumps({f"in_{name}": value for name, value in values.items()})
    answers, others = told("types", line)
    assert others == []
    assert answers[0]["outputs"] == {f"out_{name}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("nonsense", "malformed_request"),
        ("{}", "missing_input"),
        ('{"x": [1, 2]}', "shape_mismatch"),
        ('{"x": [1, 2, "3"]}', "tensor_data"),
        ('{"x": [1, 2, [3]]}', "tensor_data"),
        ('{"x": [1, 2, NaN]}', "malformed_request"),
        ('{"id": {"a": 1}, "x": [1, 2, 3]}', "malformed_request"),
        ("[" * 5000, "malformed_request"),
        ('{"x": ' + "[" * 70 + "]" * 70 + "}", "tensor_data"),
        ('{"inputs": [{"name": "z"}]}', "malformed_request"),
        (b'{"x": "\xff"}', "malformed_request"),
    ],
)
def test_bad_record_is_quarantined_with_its_reason(told, line, code):
    """Serving's own checks say what is wrong, and the next record is answered."""
    text = (line if isinstance(line, bytes) else line.encode()) + b"\n[1, 2, 3]\n"
    answers, others = told("rows", text)
    assert [each["key"] for each in answers] == ["rows:2"]
    assert [each["code"] for each in others] == [code]


def test_request_of_the_protocol_is_a_record_too(told):
    """Rows that were sent to the API can be sent in a file."""
    tensor = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [0] * 6}
    line = json.dumps({"id": "r", "inputs": [tensor], "outputs": [{"name": "score"}]})
    answers, others = told("rows", line)
    assert (answers[0]["key"], answers[0]["outputs"]) == ("r", {"score": [[0.0], [0.0]]})
    assert others == []


def test_model_without_a_batch_axis_takes_whole_tensors(told):
    """Where rows may not share a run, nothing is joined and nothing stripped."""
    answers, _ = told("whole", '{"x": [[1, 2]]}\n{"x": [[3], [4]]}\n')
    assert [each["outputs"]["y"] for each in answers] == [[[1.0, 2.0]], [[3.0], [4.0]]]


@pytest.mark.parametrize(
    "header",
    ["id,x[0],x[1],x[2]", "id,x_0,x_1,x_2", "id,x.0,x.1,x.2", "id,a,b,c", "x[2],id,x[1],x[0]"],
)
def test_columns_become_inputs(told, header):
    """Elements by number, or all columns in their order for a model of one input."""
    order = [name.strip() for name in header.split(",")]
    cells = {"id": "k", "0": "1", "1": "2", "2": "3", "a": "1", "b": "2", "c": "3"}
    row = ",".join(cells[name.strip("x[]_.")] for name in order)
    answers, others = told("rows", f"{header}\n{row}\n", is_csv=True)
    assert others == []
    assert answers[0]["key"] == "k"
    assert answers[0]["outputs"] == told("rows", "[1,2,3]")[0][0]["outputs"]


def test_cells_of_strings_keep_their_line_breaks(told):
    """Quoted text is one record, however many lines it has."""
    answers, _ = told("words", 'x_0,x_1\n"a\nb","ض"\nc,"d""e"\n', is_csv=True)
    assert [each["outputs"]["y"] for each in answers] == [["a\nb", "ض"], ["c", 'd"e']]
    assert [each["at"] for each in answers] == ["rows:2", "rows:4"]


@pytest.mark.parametrize("row", ["1,2", "1,2,3,4", "1,2,", "1,2,nan", "1,2,1_0", '1,2,"3"x'])
def test_bad_cells_are_quarantined(told, row):
    """A cell that is no number stops its own record alone."""
    answers, others = told("rows", f"a,b,c\n{row}\n1,2,3\n", is_csv=True)
    assert (len(answers), len(others)) == (1, 1)
    assert others[0]["record"] == row


def test_header_that_names_no_input_quarantines_every_record(told):
    """Nothing is guessed for a model of several inputs; the reason says what to call columns."""
    answers, others = told("types", "a,b\n1,2\n3,4\n", is_csv=True)
    assert answers == []
    assert [each["at"] for each in others] == ["rows:2", "rows:3"]
    assert "names no column for input" in others[0]["reason"]
