"""Hostile octets against the nginx room, a real process before a recording backend, judged by the RFCs alone.

What the code happens to do is no argument here, nor what nginx does: `judge` says what counts. A case is a
section of a file under `corpus/`, written as in tests/oracle/script.py: a line stands for itself and a
CRLF, `\\r \\n \\xHH` are octets, `<<A*300>>` repeats, a backslash at a line's end takes its CRLF away.

    --- case a chunked body and a length: refuse      the client's octets follow
    POST {p} HTTP/1.1
    ...
    --- behind                                        what the backend answers to the case above
    --- form NAME                                     lines with {it} in them
    --- each NAME: refuse                             one case a line: the line takes {it}'s place
    --- answer two lengths: bad                       the backend's octets, to a plain GET
    --- answers NAME: bad                             the same for each line of a form

The word after the colon says what the RFCs say:

    sound   every request is answered, none with 400     refuse  MUST be refused: no 2xx, nothing forwarded
    either  may be refused or understood, in one way     cut     incomplete: FIN follows, nothing forwarded
    early   answered before all of it was there          tunnel  becomes one, or stays a request
    good    the answer goes through as it is             bad     502, or cut off visibly
    any     whatever becomes of it is framed soundly

`{p}` is the request's target: the case is then played on each proxied route and on two others, and cut at
several points. {k} is the play's own name, by which the backend finds `--- behind`, for one with a route of
its own (`/ws/{k}`). {rest} is the number of octets after the head that it stands in. A line that begins with
`# ` is for the reader. `python -m tests.hostile TEXT --show` shows what went over the wires.
"""
