-- Second factors, sessions, password history, API tokens.
SELECT 1;
