"""`falaj doctor` finds what is missing and says how to mend it."""

import socket


def test_sound_machine_passes(falaj, monkeypatch):
    """Everything that the tests need is what the command checks."""
    monkeypatch.setenv("FALAJ_PORT", "0")
    monkeypatch.setenv("FALAJ_AWS_PORT", "0")

    said = falaj("doctor", "--json")

    assert [c["what"] for c in said.document["checks"] if not c["ok"]] == []
    assert said.exit == 0


def test_taken_port_fails_with_its_mend(falaj, monkeypatch):
    """The check names the variable to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("FALAJ_PORT", str(taken.getsockname()[1]))

        said = falaj("doctor", "--json")

    failed = [c for c in said.document["checks"] if not c["ok"] and c["what"] == "API port"]
    assert said.exit == 1
    assert "FALAJ_PORT" in failed[0]["mend"]
