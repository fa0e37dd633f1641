"""Records fixtures as they stand on the wire: `scripts/record`, told of in docs/fixtures.md.

    cases     what is asked, read from record_cases.toml
    planning  of whom, with which model
    cost      the most that it can cost
    exchange  asks, and keeps the very bytes
    turns     the next request of a conversation with tools
    said      what a reply says, read from the vendor's own JSON
    scrub     takes out what tells of an account, and refuses to let a key pass
    folder    writes tests/fixtures/<dialect>/<case>/

It uses the gateway's settings, catalog, providers and transport, and none of its translation.
"""
