"""Promise: each stack's dashboard shows what that stack has, and a setting decides on them."""

import json

from audits.dashboards import examine

DASHBOARD = "AWS::CloudWatch::Dashboard"


def names(assembly):
    """Return the dashboards' names by stack."""
    return {
        stack: resource["Properties"]["DashboardName"]
        for stack, template in assembly.templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] == DASHBOARD
    }


def body(assembly, stack):
    """Return a stack's dashboard as it is written."""
    written = assembly.one(stack, DASHBOARD)["Properties"]["DashboardBody"]["Fn::Sub"]
    return json.loads(written if isinstance(written, str) else written[0])


def titles(assembly, stack):
    """Return the titles of its graphs."""
    return {widget["properties"].get("title") for widget in body(assembly, stack)["widgets"]}


def test_every_model_has_one_and_the_platform_has_one(assembly):
    """Whoever is on call finds it by the model's name."""
    assert names(assembly) == {
        "FalajApi": "falaj",
        "FalajModel-churn": "falaj-churn",
        "FalajModel-file-type": "falaj-file-type",
        "FalajModel-snap": "falaj-snap",
        "FalajModel-twin": "falaj-twin",
    }


def test_every_line_of_services_draws_what_is_emitted(gpu_assemblies):
    """GPU services with two fleets, with one, before Triton; with a breaker and without."""
    report = examine(gpu_assemblies["smb"].folder)

    assert [str(finding) for finding in report.findings] == []
    assert {"gpu-falaj-vision", "gpu-falaj-speech", "gpu-falaj-search", "falaj-speech"} <= {
        each.name for each in report.dashboards
    }


def test_only_a_shadow_shows_copies(smb):
    """Nobody else has any."""
    copies = "Latency of warm copies, ms"

    assert copies in titles(smb, "FalajModel-twin")
    assert copies not in titles(smb, "FalajModel-churn")


def test_only_a_bank_shows_its_audit_trail(assemblies):
    """The other profile keeps none."""
    shown = {
        profile: any("audit trail" in (title or "") for title in titles(each, "FalajApi"))
        for profile, each in assemblies.items()
    }

    assert shown == {"smb": False, "enterprise": True}


def test_widgets_of_a_row_fill_it_and_never_overlap(gpu_assemblies):
    """The grid has 24 columns."""
    taken = set()
    for widget in body(gpu_assemblies["smb"], "FalajGpuModel-speech")["widgets"]:
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                assert (x, y) not in taken
                assert x < 24
                taken.add((x, y))


def test_the_platforms_alone_is_made_and_links_to_the_documents(catalogue, assemble):
    """Three are free in an account, each further one is not."""
    catalogue.add("churn")
    docs = "https://wiki.example.ae/docs"
    assembly = assemble(catalogue.sources, dashboards="platform", docsUrl=docs)
    markdown = body(assembly, "FalajApi")["widgets"][0]["properties"]["markdown"]

    assert names(assembly) == {"FalajApi": "falaj"}
    assert f"[heartbeat]({docs}/reference/alarms.md#heartbeat)" in markdown
