"""One scrape of a process's metrics, to be asked for sums and quantiles."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Metrics:
    """One scrape of Seamline's /metrics. Of its thousands of lines, those are parsed that somebody asks for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[str, list[str]] = {}
        for line in text.splitlines():
            if found := _NAME.match(line):
                self._lines.setdefault(found[0], []).append(line)

    def __add__(self, after: Metrics) -> Metrics:
        """What was counted before and after a restart, from which counters begin anew."""
        return Metrics(f"{self._text}\n{after._text}")

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name with at least these labels; 0 when there is none."""
        return sum(value for value, _ in self._matching(name, labels))

    def has(self, name: str) -> bool:
        """Whether there is any sample of this name."""
        return bool(self._matching(name, {}))

    def quantile(self, name: str, share: float) -> float | None:
        """A quantile of a histogram, its labels added up, linear within its bucket; None when it is empty."""
        counts: dict[float, float] = {}
        for value, labels in self._matching(f"{name}_bucket", {}):
            bound = float(labels["le"])
            counts[bound] = counts.get(bound, 0.0) + value
        wanted = share * max(counts.values(), default=0.0)
        below_bound, below_count = 0.0, 0.0
        for bound, count in sorted(counts.items()):
            if count >= wanted > 0:
                if bound == float("inf"):
                    return below_bound
                return below_bound + (bound - below_bound) * (wanted - below_count) / (count - below_count)
            below_bound, below_count = bound, count
        return None

    def _matching(self, name: str, labels: Mapping[str, str]) -> list[tuple[float, Mapping[str, str]]]:
        families = text_string_to_metric_families("\n".join((*self._lines.get(name, ()), "")))
        return [
            (each.value, each.labels)
            for family in families
            for each in family.samples
            if all(each.labels.get(label) == wanted for label, wanted in labels.items())
        ]
