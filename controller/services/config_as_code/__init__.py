"""Configuration as code: one YAML file that declares what decides and prices calls.

In the order of the work: `document` (text to nodes with lines), `values`, `addresses` and `fields`
(nodes to typed values), `sections` (to the objects of `specs`, in a `model` of file and database),
`orders` (beside those that are stored), `differences`, `checks` (references, against what is
stored), `guards` (what is in use), `service` (compare, apply), `audit`, `export`.
docs/configuration.md is the user's page.
"""
