"""The web application on a real PostgreSQL, driven through Flask's test client."""
