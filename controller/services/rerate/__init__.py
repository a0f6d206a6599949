"""Re-rating of a range of calls: what they would be charged now, and corrections of the difference.

`tollgate cdr rerate` is the user; docs/rerating.md says what is kept and what is priced again.

    ports        what it needs from the store
    deck         a file or another rate group in the place of one
    report       sums and lists of what was found
    run          comparing and applying
"""
