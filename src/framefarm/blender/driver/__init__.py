"""The program that runs inside Blender and renders what it is told to.

Imports only the standard library, `bpy` and `processes.child`, and runs in Blender 3.4 (Python
3.10) and newer, as executable (`blender -b --python driver/__main__.py -- --fd N`) and as wheel
(`python driver/ --fd N`). `picture_size`, `phases` and `refusals` do without `bpy` and serve both
sides.

Orders come and reports go as lines of JSON over the inherited socket N, never over standard output:

| order | fields | answered by |
|---|---|---|
| `open` | path, scripts, again | `opened`: version, saved_by, scene, scenes, warnings |
| `configure` | settings (see `settings.py`) | `configured`: scene, engine, file_format, ... |
| `render` | frame, out_dir | `started`, `progress` ..., `rendered` |
| `devices` | | `devices`: backend, name and id of each GPU that Cycles finds |
| `probe` | device, out_dir | `probed`: device, seconds |
| `stats` | | `stats`: resident_bytes |
| `close` | | `closed`; an empty file is open |
| `quit` | | the connection closes |

Whatever cannot be done is answered by `refused` with kind and message. The program ends at once,
even in the middle of a frame, when the socket closes: it never outlives who started it.
"""
