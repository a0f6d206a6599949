"""What the OpenAPI document says at its beginning."""

INTRODUCTION = """
Send a token with each request: `Authorization: Bearer TOKEN`. It acts for its user: what that
user may not do or know of, its tokens may not either. Objects of others are `not_found`.

- **Exact numbers are strings**, in both directions: `"12.50"`. Times are ISO 8601 with a zone.
- **Problems** are `application/problem+json` (RFC 9457); programs look at `id`.
  [All of them](/api/problems).
- **Each POST needs an `Idempotency-Key`**: a fresh one for each thing to be done, the same one on
  a retry. The answer is kept for a day and given again.
- **Changes need `If-Match`** with the `ETag` that you read, so that nobody's change is lost.
- **Lists** come by pages: `next` is the cursor of the next page, also in the header `Link`.
- **Unknown fields and parameters are refused**, so that a misspelled one is no surprise later.
- What is left of your requests is in the headers `RateLimit` and `RateLimit-Policy`.
""".strip()
