"""Blender from the outside: reading .blend files, finding Blenders, keeping one warm.

`blendfile` reads files without Blender, `installations` and `wheels` find and install Blenders,
`warm` starts one and renders with it. `driver` is the program that runs inside.
"""
