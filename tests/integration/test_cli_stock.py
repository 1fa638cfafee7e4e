"""`seamline stock`: how a figure comes about, what was told, and what is off, for people and machines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.integration.terminal import Type
from tests.integration.test_cli_pages import AT, fill

_CONFIG = """
[store]
path = "{store}"
[intake]
keys = []
[fulfil]
token = "env:NOT_NEEDED"
[fulfil.api]
base_url = "https://acme.fulfil.io"
[sales_channels.web]
format = "shopify"
sale = {{ channel_id = 3 }}
[sales_channels.web.stock]
locations = [4, 7]
buffer = 1
quantity_semantics = "on_hand"
flow = {{ flow_id = "4511" }}
[sales_channels.web.bundles.GIFT-BOX.components]
MUG = {{ quantity = 2 }}
[sales_channels.outlet]
format = "shopify"
sale = {{ channel_id = 4 }}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A store in which a mug has been published, one order is in flight, and the sales channel shows one too many."""
    path = tmp_path / "seamline.toml"
    path.write_text(_CONFIG.format(store=tmp_path / "store.db"))
    orders = [("put_units", (f"web/{n}", "MUG", "web" if n else "outlet", 1, 1, 900 + n, AT - 5, 1)) for n in range(25)]
    fill(
        tmp_path / "store.db",
        ("put_stock_level", ("4,7", "MUG", 5, "40", "70", AT)),
        ("put_stock_level", ("4,7", "LAMP", 6, "3", "3", AT)),
        *orders,
        ("put_units", ("web/1", "LAMP", "web", 1, 1, 901, AT - 5, 1)),
        ("put_stock_published", ("web", "MUG", 38, 15, 40, 7 << 32, AT, AT + 1, AT + 2)),
        ("put_stock_published", ("web", "LAMP", 2, 2, None, 1 + (7 << 32), AT, AT + 1, AT + 2)),
        ("put_outgoing", ("4511", "MUG", "stock_publisher", b"{}", b"d", AT + 2, 0)),
        ("stock_sent", (AT + 9, "web", "LAMP", "4511")),
        ("put_stock_drift", ("web", "MUG", "MAIN", "changed", 39, 38, 38, 1, AT + 3, AT + 3, 0, None)),
        ("put_alias", ("CUP", "MUG", AT, "somebody", "old name")),
    )
    fill(tmp_path / "store.db", ("see_units", (AT - 1, 901, AT - 2)))
    return str(path)


def test_a_figure_is_explained_from_fulfils_to_what_was_told(seamline: Type, config: str) -> None:
    """Fulfil's, what is in flight and which orders, what is kept back, the truth, the wire, and what became of it."""
    (story,) = seamline("stock", "show", "MUG", "--config", config, "--json").data["sales_channels"]
    assert (story["available"], story["on_hand"], story["locations"], story["in_flight"]) == ("40", "70", [4, 7], 24)
    assert (len(story["orders"]), story["orders_more"], story["own_units"]) == (20, 4, 0)
    assert (story["buffer"], story["truth"], story["wire"]) == (1, 15, 15)
    assert (story["published"]["figure"], story["published"]["previous"], story["published"]["sent_at"]) == (
        38,
        40,
        None,
    )
    assert [row["cause"] for row in story["drift"]] == ["changed"]
    said = seamline("stock", "show", "MUG", "--config", config).out
    assert "40 available, 70 on hand at the locations 4, 7" in said
    assert "1 for outlet/0" in said or "1 for web/0" in said
    assert "published: 38 after 40" in said
    assert "waits since" in said


def test_what_is_off_of_one_sku_is_shown_however_much_else_is(seamline: Type, config: str) -> None:
    """Of ten thousand others more units are off."""
    others = [("web", f"A {n}", "MAIN", "changed", 9, 2, 2, 7, AT, AT, 0, None) for n in range(10_000)]
    fill(Path(config).parent / "store.db", *(("put_stock_drift", row) for row in others))
    (story,) = seamline("stock", "show", "MUG", "--config", config, "--json").data["sales_channels"]
    assert [(row["cause"], row["units"]) for row in story["drift"]] == [("changed", 1)]


def test_own_units_are_added_to_what_is_in_no_bundle(seamline: Type, config: str) -> None:
    """The mug is sold in a gift box, too: how many of its units are subtracted there nobody counts, so none is added,
    as the publisher does. The lamp is in no bundle, and gets its own back.
    """
    (mug,) = seamline("stock", "show", "MUG", "--config", config, "--json").data["sales_channels"]
    (box,) = seamline("stock", "show", "GIFT-BOX", "--config", config, "--json").data["sales_channels"]
    (lamp,) = seamline("stock", "show", "LAMP", "--config", config, "--json").data["sales_channels"]
    assert [(each["sold_in_bundles"], each["quantity_semantics"]) for each in (mug, box)] == [(True, "on_hand")] * 2
    assert (mug["own_units"], box["own_units"], lamp["own_units"]) == (0, 0, 1)
    assert (lamp["truth"], lamp["wire"], lamp["sold_in_bundles"]) == (2, 3, False)
    assert "+ none of its own orders" in seamline("stock", "show", "MUG", "--config", config).out
    assert "+ 1 of its own orders" in seamline("stock", "show", "LAMP", "--config", config).out


def test_aliases_and_bundles_are_explained_by_what_they_stand_for(seamline: Type, config: str) -> None:
    """A bundle by its scarcest component; an alias by its product; a SKU that nobody knows says where to look."""
    (alias,) = seamline("stock", "show", "CUP", "--config", config, "--json").data["sales_channels"]
    assert (alias["sku"], alias["wire"], alias["published"]) == ("CUP", 15, None)
    (bundle,) = seamline("stock", "show", "GIFT-BOX", "--config", config, "--json").data["sales_channels"]
    assert (bundle["bundle"], bundle["truth"], bundle["wire"]) == ([["MUG", 2]], 7, 7)
    assert "a bundle of 2 of MUG" in seamline("stock", "show", "GIFT-BOX", "--config", config).out
    unknown = seamline("stock", "show", "NOBODY", "--config", config)
    assert (unknown.status, "seamline sku explain" in unknown.err) == (1, True)


def test_a_bundle_of_which_nothing_is_left_is_explained_by_what_lacks_most(seamline: Type, config: str) -> None:
    """Two components are oversold: the truth is that of the one that is so by more, as the publisher says it."""
    path, store = Path(config), Path(config).parent / "store.db"
    path.write_text(f"{path.read_text()}[sales_channels.web.bundles.SET.components]\nPEN = {{}}\nCAP = {{}}\n")
    fill(
        store,
        ("put_stock_level", ("4,7", "PEN", 7, "-1", "0", AT)),
        ("put_stock_level", ("4,7", "CAP", 8, "-5", "0", AT)),
    )
    (bundle,) = seamline("stock", "show", "SET", "--config", config, "--json").data["sales_channels"]
    assert (bundle["truth"], bundle["wire"], bundle["available"]) == (-6, 0, "-5")


def test_an_alias_that_is_a_sku_of_its_own_is_explained_as_itself(seamline: Type, config: str) -> None:
    """An alias whose text Fulfil sells by now is published as itself, and so it is explained; one that Fulfil has but
    does not sell, or has twice, still stands for its product.
    """
    store = Path(config).parent / "store.db"
    fill(store, ("put_stock_level", ("4,7", "CUP", 9, "3", "3", AT)))
    for products, wire in (
        ([(9, "CUP", "cup", "Cup", 1, 1, None, None, None)], 2),
        ([(9, "CUP", "cup", "Cup", 0, 1, None, None, None)], 15),
        ([(each, "CUP", "cup", "Cup", 1, 1, None, None, None) for each in (9, 10)], 15),
    ):
        fill(store, *(("put_product", row) for row in products))
        (story,) = seamline("stock", "show", "CUP", "--config", config, "--json").data["sales_channels"]
        assert (story["sku"], story["wire"]) == ("CUP", wire)


def test_the_list_of_what_was_told_has_pages(seamline: Type, config: str) -> None:
    """Page by page to the end, also where several changed in one instant; a cut list without pages says that it is."""
    fill(
        Path(config).parent / "store.db",
        *(("put_stock_published", ("web", f"A {n}", 1, 1, None, n + (9 << 32), AT, AT + 1, AT + 2)) for n in range(3)),
        ("put_stock_drift", ("web", "LAMP", "MAIN", "changed", 1, 2, 2, 1, AT, AT, 0, None)),
    )
    whole = [row[2] for row in seamline("stock", "list", "web", "--config", config).rows]
    assert whole == ["A 0", "A 1", "A 2", "LAMP", "MUG"]
    said = seamline("stock", "list", "web", "--limit", "2", "--config", config)
    shown = [row[2] for row in said.rows]
    while more := re.search(r"^more: seamline (.+)$", said.err, re.MULTILINE):
        said = seamline(*shlex.split(more[1]))
        shown += [row[2] for row in said.rows]
    assert shown == whole
    assert "more: only the first 1 are shown" in seamline("stock", "drift", "--limit", "1", "--config", config).err


def test_lists_of_what_waits_and_of_what_is_off(seamline: Type, config: str) -> None:
    """Both for people and as JSON."""
    assert [row[2] for row in seamline("stock", "list", "--config", config).rows] == ["LAMP", "MUG"]
    (waits,) = seamline("stock", "list", "--waiting", "--config", config, "--json").data
    assert (waits["sku"], waits["figure"]) == ("MUG", 38)
    assert seamline("stock", "list", "--refused", "--config", config, "--json").data == []
    (row,) = seamline("stock", "drift", "--config", config).rows
    assert row[:7] == ["web", "changed", "MUG MAIN", "39", "38", "38", "1"]
    assert seamline("stock", "drift", "outlet", "--config", config, "--json").data == []
