"""Sixty configurations as teams publish them, each with a browse through it: nginx and we do the same.

`*.case` files in the form of tests/oracle/casefile.py, whose `--- include` sections hold the files of
/etc/nginx word for word; world.py moves them into a test's ports and folders.
"""
