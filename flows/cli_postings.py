"""The commands about postings: who posts what into the ledger."""

from __future__ import annotations

from cyclopts import App

from flows.cli_parts import CONFIG, AsJson, ConfigPath, loaded
from flows.screen import print_json, print_table

postings = App(name="postings", help="What is posted into the ledger, and by whom.")


@postings.command(name="matrix")
def show_matrix(*, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Who posts which event, to which accounts and on which day, by the configuration; one poster for each.

    What `nobody` posts is in no ledger until it has a row, or somebody books it by hand.
    """
    from flows.model.posting_matrix import PostingSettings, matrix  # noqa: PLC0415

    settings = loaded(config, "postings").postings or PostingSettings()
    lines = matrix(settings)
    if json:
        print_json(lines)
        return
    print_table(
        ("event", "gateway", "currency", "poster", "debit", "credit", "journal", "dated"),
        [
            (
                *(each.event.value, each.gateway or "any", each.currency or "any", each.poster),
                *(each.debit, each.credit, each.journal, each.dated),
            )
            for each in lines
        ],
        empty="",
    )
