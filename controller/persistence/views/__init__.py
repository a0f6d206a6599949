"""Read models on PostgreSQL (`services.views`): short read-only transactions, keyset paging."""
