"""Sphinx configuration of the documentation site."""

project = "Kimera"
author = "the Kimera authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Kimera"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]
