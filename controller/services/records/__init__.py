"""What records that people change have in common: values of forms, scope, revisions, audit."""
