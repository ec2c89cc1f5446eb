"""Docker's Engine API on a unix socket: what the CLI, the pytest plugin and a real docker client talk to.

`routes` is the table of paths, `verbs` answers them, a module a noun; `body` and `specread` read what a
client sends, `rules` refuses it, `schema` and the shapes are the way back; `filters` reads what a client
wants to see, `events`, `streams` and `logstreams` are answers without an end, `server` is the socket. May
import `swarm` and `settings`; of containers it knows what `world` says.
"""
