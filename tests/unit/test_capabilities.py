"""Capability files: written whole, read back, and taken for no more than they say."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.capability import (
    CapabilityFile,
    CapabilityFileInvalid,
    Finding,
    missing_in,
    not_found,
    read_file,
    rendered,
    values_of,
    write_file,
)
from connectors.fulfil.capabilities import FulfilCapabilities, applied, contradictions
from connectors.fulfil.config import FulfilConfig
from connectors.patchworks.capabilities import PatchworksCapabilities
from connectors.patchworks.config import IntakeSettings
from flows.actors import cost_origin, reconcile_policy
from flows.capabilities import fulfil_api, fulfil_capabilities, remarks
from flows.capability_meanings import MEANS, meaning
from flows.config import Config, FulfilSettings, SalesChannelSettings
from flows.first_messages import first_messages
from flows.model.reconciliation import ReconciliationSettings
from flows.model.sale import SaleSettings
from runtime.config import Secret
from runtime.errors import ConfigInvalid

URL = "https://acme.fulfil.io"
API = FulfilConfig(base_url=URL)


def file_of(tenant: str = URL, names: dict[str, str] | None = None, **values: str | int) -> CapabilityFile:
    found = {name: Finding(value=value, how="read", evidence="It was seen.") for name, value in values.items()}
    return CapabilityFile(
        vendor="fulfil",
        tenant=tenant,
        found_at=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
        seamline="0.1.0",
        capabilities=found,
        names=names or {},
    )


def settings_with(path: Path, **api: object) -> FulfilSettings:
    config = msgspec.structs.replace(API, **api)
    return FulfilSettings(api=config, token=Secret("token"), capabilities=str(path))


def config_with(directory: Path, file: CapabilityFile) -> Config:
    """A configuration with this file."""
    write_file(directory / "caps.toml", file)
    channel = SalesChannelSettings(format="shopify", sale=SaleSettings(channel_id=3))
    return Config(
        fulfil=settings_with(directory / "caps.toml"),
        intake=IntakeSettings(keys=(Secret("intake-key-0123456789"),)),
        sales_channels={"web": channel},
    )


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Value, how and evidence of each capability, and the tenant's names."""
    content = file_of(names={"sale.payment.reference": "provider_reference", "stock.move.cost": ""}, page_cap=500)
    write_file(tmp_path / "caps.toml", content)
    assert read_file(tmp_path / "caps.toml") == content


@given(evidence=st.text(max_size=80), name=st.text(min_size=1, max_size=20))
def test_any_text_of_an_answer_can_be_kept(evidence: str, name: str) -> None:
    """Evidence quotes what a tenant said: quotes, backslashes, control characters and half of a surrogate pair."""
    finding = Finding(value=evidence, how="read", evidence=evidence)
    content = msgspec.structs.replace(file_of(), capabilities={name: finding}, names={name: evidence})
    read = msgspec.convert(tomllib.loads(rendered(content)), CapabilityFile)
    printable = evidence.encode("utf-8", "replace").decode()
    assert read.names == {name.encode("utf-8", "replace").decode(): printable}
    assert [each.evidence for each in read.capabilities.values()] == [printable]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full while it is written: who reads it sees the old one, and nothing else lies about."""
    path = tmp_path / "caps.toml"
    write_file(path, file_of(page_cap=500))

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="space"):
        write_file(path, file_of(page_cap=100))
    assert read_file(path) == file_of(page_cap=500)
    assert [each.name for each in tmp_path.iterdir()] == ["caps.toml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("a = ", "is not TOML"), ("a = 1", "is no capability file"), (None, "there is no file .*caps.toml yet")],
)
def test_what_is_no_such_file_says_why(tmp_path: Path, text: str | None, complaint: str) -> None:
    """And which file it is."""
    path = tmp_path / "caps.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CapabilityFileInvalid, match=complaint):
        read_file(path)


# -- what strategies read ----------------------------------------------------------------------------------------------


def test_what_a_file_does_not_say_is_unknown_and_named() -> None:
    """Nothing is taken for granted."""
    findings = file_of(create_order_answer="id").capabilities
    capabilities, refused = values_of(FulfilCapabilities, findings)
    assert (capabilities.create_order_answer, capabilities.same_key_changed, refused) == ("id", "unknown", ())
    assert "same_key_changed" in missing_in(FulfilCapabilities, findings)
    assert "create_order_answer" not in missing_in(FulfilCapabilities, findings)


def test_a_value_outside_its_list_is_unknown_and_named() -> None:
    """A newer file may say more than this version understands, and is no reason not to start."""
    capabilities, refused = values_of(
        FulfilCapabilities, file_of(create_order_answer="a_haiku", colour="blue", page_cap=-1).capabilities
    )
    assert capabilities == FulfilCapabilities()
    assert set(refused) == {"create_order_answer", "colour", "page_cap"}


@pytest.mark.parametrize("kind", [FulfilCapabilities, PatchworksCapabilities])
def test_every_capability_can_be_unknown_and_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    """Unknown is a value of each, and the default; each has its words in the table for people."""
    findings = {name: not_found("nobody asked") for name in kind.__struct_fields__}
    assert values_of(kind, findings) == (kind(), ())
    assert set(kind.__struct_fields__) <= set(MEANS)


def test_what_it_means_is_said_of_capabilities_that_there_are() -> None:
    """No words are left of a capability that is gone, nor of a value that is in no closed list."""
    assert set(MEANS) == {*FulfilCapabilities.__struct_fields__, *PatchworksCapabilities.__struct_fields__}
    for kind in (FulfilCapabilities, PatchworksCapabilities):
        for name in kind.__struct_fields__:
            findings = {value: Finding(value=value, how="read", evidence="") for value in MEANS[name] if value}
            for value, finding in findings.items():
                assert values_of(kind, {name: finding})[1] == (), (name, value)


@pytest.mark.parametrize(("names", "read"), [({}, True), ({"sale.line.shipment_cost": ""}, False)])
def test_lines_of_sales_are_read_where_goods_can_be_told_from_shipping(
    tmp_path: Path, names: dict[str, str], read: bool
) -> None:
    """A tenant without the field would seem to have one product too many on every sale."""
    config = config_with(tmp_path, file_of(names=names))
    assert ("lines" in reconcile_policy(config, ReconciliationSettings()).reads) is read


@pytest.mark.parametrize(
    ("known", "said", "origin", "noted"),
    [
        ("unknown", "", None, False),
        ("none", "", None, False),
        ("stock_move", "", "stock_move", False),
        ("stock_move", "none", None, False),
        ("unknown", "shipment", "shipment", False),
        ("shipment", "shipment", "shipment", False),
        ("stock_move", "shipment", "shipment", True),
        ("none", "shipment", "shipment", True),
    ],
)
def test_cost_is_looked_for_by_what_was_probed_unless_a_setting_says_otherwise(
    tmp_path: Path, known: str, said: Any, origin: str | None, noted: bool
) -> None:
    """Nobody looks where nobody knows; a setting that the tenant is known to contradict is noted, and wins."""
    settings = ReconciliationSettings(cost_moves=said)
    config = msgspec.structs.replace(config_with(tmp_path, file_of(cost_origin=known)), reconciliation=settings)
    assert cost_origin(config, settings) == origin
    assert (("shipment_costs", "shipments/costs") in [
        (each.channel, each.key) for each in first_messages(config)
    ]) is (origin is not None)  # fmt: skip
    _, notes = remarks(config)
    assert any("reconciliation.cost_moves is 'shipment', the tenant was found" in note for note in notes) is noted


def test_words_are_those_of_the_value() -> None:
    """What is in order is not shown with the words of what is not."""
    assert meaning("inventory", "missing") == "no stock can be published"
    assert meaning("inventory", "readable") == "nothing is weaker for it"
    assert meaning("page_cap", 500) == "pages are never larger"


@pytest.mark.parametrize(
    ("same_key", "line_write", "amending"),
    [
        ("updated", "accepted", "keyed_upsert"),
        ("existing", "accepted", "line_write"),
        ("existing", "refused", "none"),
        ("unknown", "unknown", "none"),
        ("unknown", "accepted", "line_write"),
    ],
)
def test_how_a_sale_is_amended_follows_from_what_was_found(same_key: str, line_write: str, amending: str) -> None:
    """A strategy per tenant, probed; an exception for a person by default."""
    findings = file_of(same_key_changed=same_key, line_write=line_write).capabilities
    assert values_of(FulfilCapabilities, findings)[0].amending == amending


@pytest.mark.parametrize(
    ("same_key", "identical", "after_change"),
    [
        ("existing", True, True),
        ("refused", True, True),
        ("updated", True, False),
        ("unknown", True, False),
        ("second_sale", False, False),
    ],
)
def test_what_may_be_repeated_follows_from_what_the_key_does(
    same_key: str, *, identical: bool, after_change: bool
) -> None:
    """Nothing of an earlier version goes out again unless it is known to change nothing."""
    capabilities = values_of(FulfilCapabilities, file_of(same_key_changed=same_key).capabilities)[0]
    assert (capabilities.repeats_create, capabilities.repeats_create_after_change) == (identical, after_change)


# -- with the settings -------------------------------------------------------------------------------------------------


def test_what_was_found_is_used_where_nothing_is_set() -> None:
    """Names, the field that says what can be sold, and the size of a page."""
    known = FulfilCapabilities(sellable_field="salable", page_cap=100)
    config = applied(API, known, {"sale.payment.reference": "provider_reference", "no.such.model": "x"})
    assert (config.sellable_field, config.page_size) == ("salable", 100)
    assert config.names == {"sale.payment.reference": "provider_reference"}


def test_explicit_settings_win_and_the_difference_is_told() -> None:
    """Somebody may know better than a probe of last year."""
    config = msgspec.structs.replace(API, sellable_field="sellable", names={"sale.payment.reference": "ref"})
    known = FulfilCapabilities(sellable_field="salable", page_cap=100)
    names = {"sale.payment.reference": "provider_reference"}
    used = applied(config, known, names)
    assert (used.sellable_field, used.names) == ("sellable", {"sale.payment.reference": "ref"})
    told = " ".join(contradictions(config, known, names))
    assert "sellable_field" in told
    assert "'ref'" in told
    assert "page_size" in told


@pytest.mark.parametrize("known", [FulfilCapabilities(), FulfilCapabilities(sellable_field="none", page_cap=500)])
def test_what_is_unknown_or_not_there_changes_no_setting(known: FulfilCapabilities) -> None:
    """`none` is no name of a field."""
    assert applied(API, known, {}) == API
    assert contradictions(API, known, {}) == ()


def test_the_connector_is_made_with_what_the_file_says(tmp_path: Path) -> None:
    """`fulfil.capabilities` names the file; without it the settings are as they are."""
    write_file(tmp_path / "caps.toml", file_of(sellable_field="salable", same_key_changed="updated"))
    settings = settings_with(tmp_path / "caps.toml", base_url=f"{URL}/")
    assert fulfil_api(settings).sellable_field == "salable"
    assert fulfil_capabilities(settings).amending == "keyed_upsert"
    unset = msgspec.structs.replace(settings, capabilities="")
    assert fulfil_api(unset) == unset.api
    assert fulfil_capabilities(unset) == FulfilCapabilities()


def test_a_file_of_another_tenant_is_refused(tmp_path: Path) -> None:
    """What one tenant can do says nothing about another."""
    write_file(tmp_path / "caps.toml", file_of(tenant="https://other.fulfil.io"))
    with pytest.raises(ConfigInvalid, match=r"other\.fulfil\.io"):
        fulfil_api(settings_with(tmp_path / "caps.toml"))
