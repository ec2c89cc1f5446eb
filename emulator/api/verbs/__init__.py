"""What answers a request, one module a noun: it reads, asks the swarm or a container, and shapes the answer.

A verb that changes something goes through `swarm.control`; what is refused is a SwarmError, which the
server turns into Docker's answer.
"""
