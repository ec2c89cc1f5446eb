"""The orchestrator: Docker's swarm of one node.

Pure modules decide (`model`, `reconcile`, `network`, `volumes`, `templates`), shells act (`store`,
`orchestrator`, `agent`, `networks`, `ingress`). What a container is, `engine` hands in: this room imports
neither `container` nor `nginx`.
Words: task (one run, never restarted), slot (its numbered place), desired state and state (what
reconcile wants, what the agent saw), VIP and endpoint (a service's address, one task's), action.
"""
