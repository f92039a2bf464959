"""The environment of a shell that is set up for AWS, where AWS is an address on this machine."""

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
FOREIGN = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION")


def lead(monkeypatch, url, folder):
    """Lead boto3 to an address, with these keys, and from another region than the platform's."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    told = {
        **KEYS,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "FALAJ_AWS_PORT": "1",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
