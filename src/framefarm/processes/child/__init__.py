"""What runs inside a child: its line to whoever started it, its orders, what it does about itself.

Imports only the standard library and runs in Python 3.10 and newer, because Blender's Python loads
it as well; see `blender/driver/__main__.py`.
"""
