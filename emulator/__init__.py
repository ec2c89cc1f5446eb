"""The article's architecture on one machine without Docker: gunicorn replicas behind nginx in a swarm.

Two rooms that never import each other, `nginx` and `swarm`, meet only at the seam `namespace`;
`engine` puts them together. This package imports nothing by itself: start-up time is a feature.
"""

__version__ = "0.1.0"
