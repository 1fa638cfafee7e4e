"""Under which names a product's stock is published: its SKU, its aliases, and the bundles that it is part of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flows.model.bundles import Bundle

NOBODYS: tuple[str, ...] = ()


class Names:
    """Names by SKU. `aliases` (alias -> SKU) may change while this stands; the rules of bundles do not."""

    def __init__(self, bundles: Mapping[str, Mapping[str, Bundle]], aliases: Mapping[str, str]) -> None:
        """`bundles`: by sales channel, the rules for what it sells as one thing."""
        self._aliases = aliases
        self._parts: dict[str, dict[str, list[str]]] = {}
        for sales_channel, rules in bundles.items():
            of = self._parts.setdefault(sales_channel, {})
            for name, rule in rules.items():
                for sku in rule.components:
                    of.setdefault(sku, []).append(name)
        self._others: dict[str, list[str]] = {}
        self._seen: dict[str, str] = {}

    def aliases_of(self, sku: str) -> Iterable[str]:
        """What sales channels call this product beside its SKU."""
        return self._by_sku().get(sku, NOBODYS)

    def bundles_with(self, sales_channel: str, skus: Iterable[str]) -> list[str]:
        """The bundles of a sales channel that have any of these SKUs, under whatever name, as a component."""
        of = self._parts.get(sales_channel)
        if not of:
            return []
        found: dict[str, None] = {}
        for sku in skus:
            for name in (sku, *self.aliases_of(sku)):
                found.update(dict.fromkeys(of.get(name, NOBODYS)))
        return list(found)

    def of(self, skus: Iterable[str]) -> frozenset[str]:
        """Every name whose figure depends on these SKUs, at any sales channel."""
        found = set(skus)
        plain = tuple(found)
        for sku in plain:
            found.update(self.aliases_of(sku))
        for sales_channel in self._parts:
            found.update(self.bundles_with(sales_channel, plain))
        return frozenset(found)

    def _by_sku(self) -> Mapping[str, list[str]]:
        """Aliases are few, and change seldom."""
        if self._seen != self._aliases:
            self._seen, self._others = dict(self._aliases), {}
            for alias, sku in self._seen.items():
                self._others.setdefault(sku, []).append(alias)
        return self._others
