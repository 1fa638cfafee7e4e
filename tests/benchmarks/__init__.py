"""Measurements of Seamline beside a floor: the least that any honest implementation has to do."""
