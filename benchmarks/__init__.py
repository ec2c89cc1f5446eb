"""How fast the emulator starts and serves, each figure beside its yardstick's from the same run.

rows lists what is measured and the floor of each; scenes holds configurations, backends and expected
answers; wrk, openloop, memory and starts are the four ways to measure; answers refuses what was not
answered right; report and chart show it. A *side* is ours or the yardstick's, a *round* measures both
once, a *scene* is what both serve.
"""
