"""Reports of experiments in S3: the latest one, and the one behind each decision."""

from typing import Final

from botocore.exceptions import ClientError

from falaj.aws.calls import NOT_FOUND, Client, calling, code_of
from falaj.contract import decided_report_key, report_key

_ABSENT: Final = NOT_FOUND | {"AccessDenied", "403"}
_KINDS: Final = {"json": "application/json", "html": "text/html; charset=utf-8"}


class ExperimentReports:
    """The reports of all experiments.

    Args:
        s3: An S3 client.
        bucket: Where they lie.
    """

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def write(self, model: str, name: str, *, document: str, page: str) -> None:
        """Keep the latest report, in place of the one before.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        self._put(report_key(model, name, "json"), document, "json")
        self._put(report_key(model, name, "html"), page, "html")

    def write_decided(
        self, model: str, name: str, generation: int, *, document: str, page: str
    ) -> None:
        """Keep the report on which a decision was made.

        Raises:
            DependencyError: S3 refused or does not answer.
        """
        self._put(decided_report_key(model, name, generation, "json"), document, "json")
        self._put(decided_report_key(model, name, generation, "html"), page, "html")

    def read(self, model: str, name: str, form: str) -> str | None:
        """Return the latest report as `json` or `html`; None while there is none.

        Raises:
            DependencyError: S3 does not answer.
        """
        key = report_key(model, name, form)
        with calling("s3", f"give {key}"):
            try:
                body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) in _ABSENT:
                    return None
                raise
        return body.decode()

    def _put(self, key: str, text: str, form: str) -> None:
        with calling("s3", f"take {key}"):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=text.encode(), ContentType=_KINDS[form]
            )
