"""Every fault that an operator fears, done to the article's topology, and to the real nginx beside it.

`sides` starts what is tested: ours by `emulator up`, the reference as the real nginx before three gunicorns
that a minimal supervisor replaces. `load` asks without pause and remembers every outcome. `kills`,
`changes` and `pressure` hold the rows: each takes a fresh side, does its fault and judges by its bar.
"""
