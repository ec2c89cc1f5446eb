"""The article, word for word: real processes, a real browser, real kills, on a copy of the project.

running.py   a program of its own session, its lines as they come, and what it leaves behind
project.py   copies of the project on ports of their own; little projects for a special app
traffic.py   requests one by one, and a steady load that remembers how each request ended
"""
