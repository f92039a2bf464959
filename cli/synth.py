"""`falaj synth`: the stacks made anew, which a running `falaj up` deploys at once."""

from dataclasses import replace
from typing import Final

from rich.markup import escape

from cli.failures import MisuseError
from cli.options import AsJson, Asked, Profile, TenantsFile, example
from cli.printing import answer
from cli.settings import PROFILES, Settings
from cli.up import prepare

EXAMPLE: Final = example("falaj synth", "falaj synth --profile enterprise")


def synth(
    *,
    profile: Profile = None,
    access: Asked = "",
    tenants: TenantsFile = "",
    as_json: AsJson = False,
) -> None:
    """Build what changed in the catalogue and write the stacks that `falaj up` follows.

    Change a model's version or plan and say this: the running region has the release within
    seconds, and its rollout begins. Name the profile that `falaj up` was started with.
    """
    settings = Settings.from_env()
    if profile is not None:
        if profile not in PROFILES:
            raise MisuseError(f"--profile {profile!r} is not one of {', '.join(PROFILES)}")
        settings = replace(settings, profile=profile)
    settings = replace(settings, asked=access, tenants=tenants)
    prepare(settings, as_json=as_json)
    answer(
        {"assembly": str(settings.cdk_out), "profile": settings.profile},
        f"[green]✓[/] {escape(str(settings.cdk_out))}  [dim](profile {settings.profile})[/]",
        as_json=as_json,
    )
