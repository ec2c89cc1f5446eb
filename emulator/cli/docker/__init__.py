"""Docker's own verbs: its flags, its words and its tables, spoken over the Engine API.

A verb is a row of its noun's table (`VERBS`); `dispatch` finds the row, `pflag` takes the words apart,
`formats` and `template` print. What is read and said follows the docker client 28, cli/command/ in
https://github.com/docker/cli; that is what a path stands for where a module of this package names one.
"""
