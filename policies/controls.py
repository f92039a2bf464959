"""What laws and standards ask for, as far as a template can show that it is met.

Each entry is our reading, in our words, of one article or control; the text that binds is at its
link. A control here that no rule serves fails the audit: a claim without a check is no evidence.
Articles of the laws were read 2026-11-22; UAE IAR is named by family, since its numbering below
that differs between editions.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One demand of a law or standard.

    Attributes:
        id: How rules name it.
        document: The law or standard.
        place: Article or control.
        demand: What it asks for, in our words.
        link: Where its text is.
    """

    id: str
    document: str
    place: str
    demand: str
    link: str


_PDPL: Final = "Federal Decree-Law 45/2021 on the Protection of Personal Data"
_PDPL_LINK: Final = "https://uaepdpl.com/?p=342"
_HEALTH: Final = "Federal Law 2/2019 on ICT in Health Fields"
_HEALTH_LINK: Final = (
    "https://elaws.moj.gov.ae/UAE-MOJ_LC-En/00_Health/UAE-LC-En_2019-02-06_00002_Kait.html"
)
_BANKS: Final = "CBUAE Outsourcing Regulation for Banks, C 14/2021"
_BANKS_LINK: Final = "https://rulebook.centralbank.ae/en/rulebook/article-6-outsourcing-outside-uae"
_ISO: Final = "ISO/IEC 27001:2022 Annex A"
_ISO_LINK: Final = "https://www.iso.org/standard/27001"
_IAR: Final = "UAE Information Assurance Regulation"
_IAR_LINK: Final = "https://tdra.gov.ae/en/About/tdra-sectors/information-and-digital-government"


def _of(document: str, link: str, *entries: tuple[str, str, str]) -> tuple[Control, ...]:
    return tuple(
        Control(id=id_, document=document, place=place, demand=demand, link=link)
        for id_, place, demand in entries
    )


CONTROLS: Final = (
    *_of(
        _PDPL,
        _PDPL_LINK,
        ("PDPL-20", "Article 20", "Secure personal data by technical means: encryption, access."),
        ("PDPL-22", "Article 22", "Send personal data abroad only where protection is adequate."),
        ("PDPL-23", "Article 23", "Send it elsewhere only under the exemptions that are listed."),
    ),
    *_of(
        _HEALTH,
        _HEALTH_LINK,
        ("HEALTH-13", "Article 13", "Keep health data of care given in the State in the State."),
        (
            "HEALTH-20",
            "Article 20",
            "Keep health data for years; checked is that no stack takes what is kept with it.",
        ),
    ),
    *_of(
        _BANKS,
        _BANKS_LINK,
        ("CBUAE-6.1", "Article 6.1", "Keep the master system of record in the UAE at all times."),
        ("CBUAE-6.3", "Article 6.3", "Share customers' confidential data abroad only if approved."),
    ),
    *_of(
        _ISO,
        _ISO_LINK,
        ("ISO-5.14", "A.5.14", "Information transfer follows rules."),
        ("ISO-5.15", "A.5.15", "Access is controlled by rules."),
        ("ISO-5.17", "A.5.17", "Secrets for authentication are managed."),
        ("ISO-5.18", "A.5.18", "Rights of access are given and taken as needed."),
        ("ISO-5.23", "A.5.23", "Cloud services are used under set requirements."),
        ("ISO-5.34", "A.5.34", "Personal data is protected as the law demands."),
        ("ISO-8.2", "A.8.2", "Privileged rights are few and managed."),
        ("ISO-8.3", "A.8.3", "Access to information is restricted."),
        ("ISO-8.6", "A.8.6", "Use of capacity is watched and bounded."),
        ("ISO-8.9", "A.8.9", "Configuration is set, recorded and watched."),
        ("ISO-8.12", "A.8.12", "Data does not leak."),
        ("ISO-8.13", "A.8.13", "What would be missed can be restored."),
        ("ISO-8.15", "A.8.15", "Activities are logged, and logs are protected."),
        ("ISO-8.16", "A.8.16", "Anomalies are watched for."),
        ("ISO-8.20", "A.8.20", "Networks are secured."),
        ("ISO-8.22", "A.8.22", "Networks are segregated."),
        ("ISO-8.24", "A.8.24", "Cryptography and its keys follow rules."),
    ),
    *_of(
        _IAR,
        _IAR_LINK,
        ("IAR-T3", "family T3, operations management", "Operate, back up, log and monitor."),
        ("IAR-T4", "family T4, communications", "Protect networks and transfers."),
        ("IAR-T5", "family T5, access control", "Give access by need, and watch privileges."),
        ("IAR-T7", "family T7, systems acquisition, development, maintenance", "Use cryptography."),
    ),
)
"""Every control that the evidence pack speaks about."""
