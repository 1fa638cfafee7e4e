"""Texts of a source as people and Fulfil need them: without HTML entities, and states by their codes.

Fulfil takes the code of a state without the country's prefix (`TX`). Names are those of ISO 3166-2, for the countries
whose post needs them; a name that is not here has no code, and none is made up.
"""

from __future__ import annotations

from html import unescape

from flows.formats.parts import Json, text_of

_NAMES = {
    "US": """
        AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
        DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas
        KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi
        MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York
        NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island
        SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington
        WV West Virginia|WI Wisconsin|WY Wyoming|AS American Samoa|GU Guam|MP Northern Mariana Islands|PR Puerto Rico
        VI Virgin Islands""",
    "CA": """
        AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NS Nova Scotia
        NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|QC Québec|SK Saskatchewan
        YT Yukon|YT Yukon Territory""",
    "AU": """
        ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|QLD Queensland|SA South Australia
        TAS Tasmania|VIC Victoria|WA Western Australia""",
}
_CODES = {
    (country, name.casefold()): code
    for country, text in _NAMES.items()
    for line in text.strip().splitlines()
    for code, _, name in (entry.strip().partition(" ") for entry in line.split("|"))
}
_CODE_MAX = 3
"""Longest part of an ISO 3166-2 code after the country's prefix."""


def subdivision_of(state: str | None, country: str | None) -> str | None:
    """The code of a state that is published by its name or its code; None for a name without a known code."""
    if not state:
        return None
    known = _CODES.get(((country or "").upper(), state.casefold()))
    if known is not None:
        return known
    return state.upper() if len(state) <= _CODE_MAX and state.isascii() and state.isalnum() else None


def plain_of(value: Json) -> str | None:
    """Text as people read it; None when nothing is left. Not for SKUs, which are compared exactly."""
    text = text_of(value)
    return text_of(unescape(text)) if text is not None and "&" in text else text
