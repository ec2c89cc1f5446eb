"""What turns a task into a plain process: its recipe, its root, its process, its namespace.

May import `settings`, the namespace and its live tables, and `swarm`; never `nginx`, never asyncio.
Words: recipe (what an image's name means here), root (the task's folder of symlinks), shim (what
a Python process gets put in front of it), guardian (who leaves no orphan), readiness.
"""
