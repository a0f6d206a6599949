"""The only place with SQL. Implements the ports of `controller.services`."""
