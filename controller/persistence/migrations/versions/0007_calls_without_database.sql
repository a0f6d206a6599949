-- Calls of accounts that may go on while the database is away.
SELECT 1;
