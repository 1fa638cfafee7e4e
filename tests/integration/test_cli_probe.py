"""`seamline probe` and what `seamline check` makes of its files, as people type them, against both sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from connectors.capability import read_file
from connectors.fulfil.sandbox import SandboxConfig as FulfilSandbox
from connectors.fulfil.sandbox import open_sandbox as open_fulfil
from connectors.fulfil.sandbox.config import ProductSeed
from connectors.patchworks.sandbox import FlowSeed
from connectors.patchworks.sandbox import SandboxConfig as PatchworksSandbox
from connectors.patchworks.sandbox import open_sandbox as open_patchworks
from tests.integration.terminal import Type, on_a_terminal

CONFIG = """
[fulfil]
token = "env:FULFIL_TOKEN"
{fulfil}
[fulfil.api]
base_url = "{url}"
{api}
[fulfil.probe]
tenant = "{tenant}"
[intake]
keys = ["env:SEAMLINE_INTAKE_KEY"]
[sales_channels.web]
format = "shopify"
[sales_channels.web.sale]
channel_id = 3
[patchworks]
token = "env:PATCHWORKS_TOKEN"
core_url = "{patchworks}/core/api/v1"
start_url = "{patchworks}/start/api/v1"
[patchworks.probe]
tenant = "{tenant}"
flow_id = "1"
"""


class Place:
    """A directory with a configuration, and the sandboxes that it names."""

    def __init__(self, path: Path, fulfil: Any, patchworks: Any) -> None:
        self.path, self.fulfil, self.patchworks = path, fulfil, patchworks

    def configured(self, *, tenant: str = "sandbox", url: str = "", fulfil: str = "", api: str = "") -> str:
        """The configuration's path, after writing it."""
        text = CONFIG.format(
            url=url or self.fulfil.url, patchworks=self.patchworks.url, tenant=tenant, fulfil=fulfil, api=api
        )
        (self.path / "seamline.toml").write_text(text, encoding="utf-8")
        return str(self.path / "seamline.toml")


@contextmanager
def sandboxes(path: Path, **switches: Any) -> Iterator[Place]:
    settings = {"port": 0, "requests_per_s": 0, "cancel_after_confirm": "unshipped", **switches}
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_fulfil(FulfilSandbox(**settings))) as fulfil,
        portal.wrap_async_context_manager(
            open_patchworks(PatchworksSandbox(port=0, flows=(FlowSeed(id=1, name="Probe"),)))
        ) as patchworks,
    ):
        portal.call(fulfil.sandbox.books.add_products, [ProductSeed(sku="MUG-BLUE", name="Mug")])
        yield Place(path, fulfil, patchworks)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Both sandboxes, and the secrets in the environment."""
    monkeypatch.setenv("FULFIL_TOKEN", "sandbox-token")
    monkeypatch.setenv("PATCHWORKS_TOKEN", "pk_sandbox")
    monkeypatch.setenv("SEAMLINE_INTAKE_KEY", "0123456789abcdef")
    monkeypatch.setenv("SEAMLINE__FULFIL__REQUESTS_PER_S", "1000")
    monkeypatch.setenv("SEAMLINE__PATCHWORKS__CALLS_PER_MIN", "100000")
    with sandboxes(tmp_path) as opened:
        yield opened


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_would_be_asked_and_asks_nothing(seamline: Type, tmp_path: Path) -> None:
    """Not even the configuration is needed."""
    said = seamline("probe", "--plan", "--config", str(tmp_path / "none.toml"))
    assert said.status == 0
    assert {row[0] for row in said.rows} == {"reads"}
    more = seamline("probe", "patchworks", "--plan", "--writes", "--burst", "--json")
    assert {row["effect"] for row in more.data} == {"reads", "writes", "bursts"}


def test_a_probe_shows_each_capability_and_keeps_them_in_a_file(seamline: Type, place: Place) -> None:
    """Reading alone leaves the books as they were."""
    kept = place.path / "fulfil.toml"
    said = seamline("probe", "fulfil", "--config", place.configured(tenant="production"), "--to", str(kept))
    assert (said.status, said.err) == (0, "")
    shown = {row[0]: row[1:] for row in said.rows}
    assert shown["page_cap"] == ["500", "read", "pages are never larger"]
    file = read_file(kept)
    assert file.tenant == place.fulfil.url
    assert file.capabilities["page_cap"].value == 500
    assert "sandbox-token" not in kept.read_text(encoding="utf-8")
    assert len(place.fulfil.sandbox.books.sales) == 0


def test_a_probe_that_writes_finds_more_and_leaves_nothing(seamline: Type, place: Place) -> None:
    """On a tenant that the configuration calls a sandbox, confirmed by a flag."""
    said = seamline("probe", "fulfil", "--config", place.configured(), "--writes", "--yes", "--json")
    assert said.status == 0
    assert said.data["file"]["capabilities"]["create_order_answer"]["value"] == "record"
    assert said.data["left"] == []
    assert {sale.state for sale in place.fulfil.sandbox.books.sales} == {"cancel"}


def test_patchworks_is_probed_by_the_same_command(seamline: Type, place: Place) -> None:
    """What was started there is told on standard error."""
    said = seamline("probe", "patchworks", "--config", place.configured(), "--writes", "--yes", "--json")
    assert said.status == 0
    assert said.data["file"]["capabilities"]["start_reply"]["value"] == "flow_run_id"
    assert "left: run " in said.err


def test_progress_is_shown_on_a_terminal(place: Place) -> None:
    """One line for each question, as it is answered."""
    shown = on_a_terminal("probe", "--config", place.configured(tenant="production"))
    assert "1/" in shown
    assert "page_cap = 500" in shown


def test_reading_again_does_not_forget_what_writing_has_found(seamline: Type, place: Place) -> None:
    """What was not asked this time stays in the file, with the day it is of; another tenant's file is replaced."""
    kept = place.path / "fulfil.toml"
    seamline("probe", "--config", place.configured(), "--writes", "--yes", "--to", str(kept))
    seamline("probe", "--config", place.configured(), "--to", str(kept))
    finding = read_file(kept).capabilities["create_order_answer"]
    assert (finding.value, finding.how) == ("record", "written")
    assert "(Found on 20" in finding.evidence
    assert "(Found on" not in read_file(kept).capabilities["page_cap"].evidence
    kept.write_text(kept.read_text(encoding="utf-8").replace(place.fulfil.url, "https://other.fulfil.io"))
    seamline("probe", "--config", place.configured(), "--to", str(kept))
    assert "create_order_answer" not in read_file(kept).capabilities


# -- refusing ----------------------------------------------------------------------------------------------------------


def test_nothing_is_written_where_the_configuration_does_not_say_sandbox(seamline: Type, place: Place) -> None:
    """Not even with the flag that confirms."""
    said = seamline("probe", "--config", place.configured(tenant="production"), "--writes", "--yes")
    assert said.status == 1
    assert "nothing is written" in said.err
    assert len(place.fulfil.sandbox.books.sales) == 0


def test_nothing_is_written_that_nobody_has_confirmed(seamline: Type, place: Place) -> None:
    """A script without --yes has nobody to ask."""
    said = seamline("probe", "--config", place.configured(), "--writes")
    assert said.status == 1
    assert "--yes" in said.err
    assert len(place.fulfil.sandbox.books.sales) == 0


def test_a_tenant_that_cannot_be_reached_ends_with_69_and_no_file(seamline: Type, place: Place) -> None:
    """The old file, if there is one, stays."""
    kept = place.path / "fulfil.toml"
    said = seamline("probe", "--config", place.configured(url="http://127.0.0.1:9"), "--to", str(kept))
    assert said.status == 69
    assert not kept.exists()


def test_a_token_that_is_refused_ends_with_77(seamline: Type, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no permission to ask anything."""
    monkeypatch.setenv("FULFIL_TOKEN", "not-this-one")
    assert seamline("probe", "--config", place.configured()).status == 77
    monkeypatch.setenv("PATCHWORKS_TOKEN", "not-this-one")
    assert seamline("probe", "patchworks", "--config", place.configured()).status == 77


def test_a_file_that_cannot_be_written_says_so(seamline: Type, place: Place) -> None:
    """A directory that is not there."""
    to = str(place.path / "none" / "fulfil.toml")
    said = seamline("probe", "--config", place.configured(), "--to", to)
    assert said.status == 1
    assert "cannot be written" in said.err


def test_whoever_is_not_configured_cannot_be_asked(seamline: Type, place: Place) -> None:
    """No [patchworks] section: Patchworks only calls us."""
    path = Path(place.configured())
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[patchworks]")], encoding="utf-8")
    said = seamline("probe", "patchworks", "--config", str(path))
    assert said.status in (1, 78)
    assert "patchworks" in said.err


# -- checking ----------------------------------------------------------------------------------------------------------


def test_check_is_silent_about_a_file_that_fits(seamline: Type, place: Place) -> None:
    """All that was asked, of this tenant, and no setting says otherwise."""
    kept = place.path / "fulfil.toml"
    seamline("probe", "--config", place.configured(), "--writes", "--burst", "--yes", "--to", str(kept))
    said = seamline("check", "--config", place.configured(fulfil=f'capabilities = "{kept}"'))
    assert (said.status, said.err) == (0, "")


def test_check_notes_what_a_file_lacks_and_what_a_setting_says_otherwise(seamline: Type, place: Place) -> None:
    """Notes, on standard error: the process would start, and take what is missing for the least."""
    kept = place.path / "fulfil.toml"
    seamline("probe", "--config", place.configured(), "--to", str(kept))
    api = 'sellable_field = "salable"'
    said = seamline("check", "--config", place.configured(fulfil=f'capabilities = "{kept}"', api=api))
    assert said.status == 0
    assert "nothing about" in said.err
    assert "same_key_changed" in said.err
    assert "the setting wins" in said.err


def test_check_refuses_a_file_of_another_tenant_and_one_that_is_not_there(seamline: Type, place: Place) -> None:
    """Problems like any other: nothing would be started."""
    kept = place.path / "fulfil.toml"
    seamline("probe", "--config", place.configured(), "--to", str(kept))
    fulfil = f'capabilities = "{kept}"'
    said = seamline("check", "--config", place.configured(fulfil=fulfil, url="https://other.fulfil.io"), "--json")
    assert said.status == 78
    assert [problem["path"] for problem in said.data] == ["fulfil.capabilities"]
    assert "other.fulfil.io" in said.data[0]["sentence"]
    kept.unlink()
    assert seamline("check", "--config", place.configured(fulfil=fulfil)).status == 78
