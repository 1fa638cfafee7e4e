"""The business: model, formats, decisions, actors, exceptions. Composes runtime and connectors."""
