"""The web application in a real browser: keyboard, script, both themes, accessibility."""
