"""Codes of states and provinces by their English names, for payloads that publish names only (Magento 1).

United States, Canada and Australia, where a parcel needs the code. Source: ISO 3166-2.
"""

from __future__ import annotations

_NAMES = {
    "US": (
        "Alabama AL|Alaska AK|Arizona AZ|Arkansas AR|California CA|Colorado CO|Connecticut CT|Delaware DE|"
        "District of Columbia DC|Florida FL|Georgia GA|Hawaii HI|Idaho ID|Illinois IL|Indiana IN|Iowa IA|Kansas KS|"
        "Kentucky KY|Louisiana LA|Maine ME|Maryland MD|Massachusetts MA|Michigan MI|Minnesota MN|Mississippi MS|"
        "Missouri MO|Montana MT|Nebraska NE|Nevada NV|New Hampshire NH|New Jersey NJ|New Mexico NM|New York NY|"
        "North Carolina NC|North Dakota ND|Ohio OH|Oklahoma OK|Oregon OR|Pennsylvania PA|Rhode Island RI|"
        "South Carolina SC|South Dakota SD|Tennessee TN|Texas TX|Utah UT|Vermont VT|Virginia VA|Washington WA|"
        "West Virginia WV|Wisconsin WI|Wyoming WY|American Samoa AS|Guam GU|Northern Mariana Islands MP|"
        "Puerto Rico PR|Virgin Islands VI"
    ),
    "CA": (
        "Alberta AB|British Columbia BC|Manitoba MB|New Brunswick NB|Newfoundland and Labrador NL|"
        "Northwest Territories NT|Nova Scotia NS|Nunavut NU|Ontario ON|Prince Edward Island PE|Quebec QC|"
        "Saskatchewan SK|Yukon YT|Yukon Territory YT"
    ),
    "AU": (
        "Australian Capital Territory ACT|New South Wales NSW|Northern Territory NT|Queensland QLD|South Australia SA|"
        "Tasmania TAS|Victoria VIC|Western Australia WA"
    ),
}
_CODES = {
    (country, name.casefold()): code
    for country, names in _NAMES.items()
    for name, _, code in (each.rpartition(" ") for each in names.split("|"))
}
_OF_COUNTRY = {(country, code) for (country, _), code in _CODES.items()}


def subdivision_code(country: str | None, region: str | None) -> str | None:
    """The code of a region that is named, or is a code already; None for one that is not known here."""
    if country is None or region is None:
        return None
    code = _CODES.get((country, region.casefold()))
    return region if code is None and (country, region) in _OF_COUNTRY else code
