"""Telling people elsewhere: addresses, the guard, and the process that sends.

`addresses` says what may be told at all; `sealing` keeps addresses from whoever reads the database;
`courier` is the manager's side of the process that sends, whose program is `child`: a message goes
by `mail`, to a web `hook`, or by one of the `services` that apprise knows, and only where the
`guard` lets it.
"""
