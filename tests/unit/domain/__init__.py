"""The domain: tables that a billing clerk can read, and properties."""
