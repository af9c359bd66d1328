"""What makes units.

An executor belongs to one slot and makes one unit at a time. `table.EXECUTORS` says which one
makes which kind; a new kind is one module and one line there.
"""
