"""The orchestrator: Docker's swarm of one node.

Pure modules decide (`model`, `reconcile`, `network`, `volumes`), shells act (`store`, `orchestrator`,
`agent`). May import `container` only from its shells, never `nginx`.
Words: task (one run, never restarted), slot (its numbered place), desired state and state (what
reconcile wants, what the agent saw), VIP and endpoint (a service's address, one task's), action.
"""
