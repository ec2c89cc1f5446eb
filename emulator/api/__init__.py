"""Docker's Engine API on a unix socket: what the CLI, the pytest plugin and a real docker client talk to.

`schema` turns the swarm's objects into Docker's JSON, `filters` reads what a client wants of them,
`events` and `logs` are the streams, `routes` answers, `server` is the socket. May import `swarm` and
`settings`; of containers it knows what `world` says.
"""
