"""What turns a task into a plain process: its recipe, its root, its process, its namespace.

May import the standard library, `namespace`, `settings` and `swarm.model`; never asyncio.
Words: recipe (what an image's name means here), root (the task's folder of symlinks), shim (what
a Python process gets put in front of it), guardian (who leaves no orphan), readiness.
"""
