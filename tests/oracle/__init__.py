"""One description, two servers: the same configuration and bytes go to real nginx and to ours.

A `.case` file holds configurations (scenes), files, what the upstream answers and what clients
send; nothing of what is expected, because nginx itself says that. Words: a *scene* is one
configuration with both servers running; an *exchange* is what one client sends; an *outcome* is all
that one server made of it (answers, what the upstream saw, log lines); a *side* is one of the servers.

    script.py       the little language of bytes and steps     casefile.py   .case -> scenes
    client.py       plays an exchange on a connection           upstream.py   records and answers as told
    answer.py       bytes -> answers, rendered line by line     servers.py    starts and stops a side
    compare.py      plays both sides, renders, finds the differences
    differences.py  what is not compared, or differs on purpose, each with its reason
    generators.py   hypothesis strategies: configurations and requests
    recorded.py     the same with answers of an nginx that has modules which the wheel is built without
"""
