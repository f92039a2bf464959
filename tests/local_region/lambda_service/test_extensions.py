"""Internal extensions work after the answer, and hold the environment until they are done."""

import asyncio
import json

from tests.local_region.lambda_service.test_conformance import emulated, emulator

__all__ = ["emulator"]

TALK = """
import http.client, json, os, threading, time

def ask(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, "/2020-01-01/extension/" + path, body, named)
    response = connection.getresponse()
    return response.status, response.headers, json.loads(response.read())

def register(name, events=("INVOKE",)):
    return ask("POST", "register", json.dumps({"events": events}), Lambda_Extension_Name=name)
"""
LINGERS = (
    TALK
    + """
answered = threading.Event()
identifier = register("after")[1]["Lambda-Extension-Identifier"]

def run():
    while True:
        event = ask("GET", "event/next", Lambda_Extension_Identifier=identifier)[2]
        answered.wait(); answered.clear()
        while os.path.exists(HOLD):
            time.sleep(0.01)
        print("after", event["eventType"], event["requestId"], flush=True)

threading.Thread(target=run, daemon=True).start()

def handler(event, context):
    answered.set()
    return {"pid": os.getpid(), "id": context.aws_request_id}
"""
)
REFUSED = (
    TALK
    + """
def said(answer):
    return answer[0], answer[2]["errorType"]

unknown = {"Lambda_Extension_Identifier": "3b1a7c1e-8d1f-4a0e-9a3c-0f3f9f3f9f3f"}
seen = [
    said(register("")),
    said(register("one", ["SHUTDOWN"])),
    said(ask("GET", "event/next", **unknown)),
]

def handler(event, context):
    return seen
"""
)


def test_caller_has_the_answer_while_an_extension_works(lab):
    """The answer is not held back; the environment is, and the next caller gets another."""
    hold = lab.folder / "hold"
    hold.touch()
    source = f"HOLD = {str(hold)!r}\n" + LINGERS

    async def act(service):
        service.create_function(lab.settings(source))
        first = json.loads((await service.invoke("f", None, b"{}")).payload)
        second = json.loads((await service.invoke("f", None, b"{}")).payload)
        hold.unlink()
        await service.drain()
        third = json.loads((await service.invoke("f", None, b"{}")).payload)
        await service.drain()
        return first, second, third

    first, second, third = lab.run(act)
    said = [line.text for line in lab.lines if line.text.startswith("after")]
    assert first["pid"] != second["pid"]
    assert third["pid"] in {first["pid"], second["pid"]}
    assert sorted(said) == sorted(f"after INVOKE {one['id']}" for one in (first, second, third))


def test_extension_that_never_ends_costs_its_environment(lab):
    """The function's timeout covers extensions too; the answer that was given stays given."""
    hold = lab.folder / "hold"
    hold.touch()
    source = f"HOLD = {str(hold)!r}\n" + LINGERS

    async def act(service):
        service.create_function(lab.settings(source, timeout_s=3))
        first = json.loads((await service.invoke("f", None, b"{}")).payload)
        await service.drain()
        hold.unlink()
        second = await service.invoke("f", None, b"{}")
        return first["pid"], json.loads(second.payload)["pid"], second.cold_start

    first, second, is_cold = lab.run(act)
    assert (first != second, is_cold) == (True, True)


def test_registration_is_refused_as_by_the_emulator(emulator, lab):
    """No name, a Shutdown, an unknown identifier: AWS's own refusals."""
    settings = lab.settings(REFUSED)

    async def act(service):
        service.create_function(settings)
        return (await service.invoke("f", None, b"{}")).payload

    ours = json.loads(lab.run(act))
    theirs = json.loads(emulated(emulator, lab, settings.code_folder, b"{}"))
    assert ours == theirs
    assert {status for status, _ in ours} == {403}


def test_registration_closes_with_the_init_phase(lab):
    """Nobody joins an environment that has begun to answer."""
    source = TALK + (
        "def handler(event, context):\n"
        "    status, _, body = register('late')\n"
        "    return [status, body['errorType']]\n"
    )

    async def act(service):
        service.create_function(lab.settings(source))
        return json.loads((await service.invoke("f", None, b"{}")).payload)

    assert lab.run(act) == [403, "Extension.RegistrationClosed"]


def test_crash_after_the_answer_costs_only_the_environment(lab):
    """A process that dies in its extension has still answered."""
    source = LINGERS.replace("while os.path.exists(HOLD):", "os._exit(3)\n        while False:")

    async def act(service):
        service.create_function(lab.settings(source))
        answers = []
        for _ in range(2):
            answers.append(await service.invoke("f", None, b"{}"))
            await asyncio.wait_for(service.drain(), 10)
        return [(answer.function_error, answer.cold_start) for answer in answers]

    assert lab.run(act) == [(None, True), (None, True)]
