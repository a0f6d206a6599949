"""Configuration as code: one YAML file that declares accounts, gateways, decks and routes.

In the order of the work: `document` (text to nodes with lines), `values` and `fields` (nodes to
typed values), `sections` (to objects), `checks` (references, against what is stored),
`differences`, `service` (compare, apply, export). docs/configuration.md is the user's page.
"""
