"""HTTP/1.x on the wire: bytes in, heads and bodies out, or a BadMessage that knows its status.

Pure: imports nothing but `re`. No policy of nginx lives here except what its parser
accepts, because that is what decides which requests exist. Words: head, framing, payload, trailer.
"""
