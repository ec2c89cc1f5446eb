"""The folder that PYTHONPATH names in a task: `sitecustomize` and what it loads. We import nothing of it."""
