-- Rights, the tree of accounts, contact data, number sections, the audit log.
SELECT 1;
