"""Children of the worker: one that takes orders, its whole tree, its memory, its words, its end.

Blender and the encoder of movies both run as such a child. `warm` keeps one and gives it orders;
`child` is the part that runs inside; `errors` says how a child fails. `threadpool` has
threads that give way, for the manager as well.
"""
