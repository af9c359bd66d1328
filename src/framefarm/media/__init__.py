"""Pictures and movies: checking, shrinking, encoding, joining, probing.

| module | for |
|---|---|
| `images` | is a frame what was asked for, and does all of it decode |
| `thumbnails` | small WebP pictures of frames of any format |
| `settings` | what a movie is made with; from a container, or from a Blender scene |
| `movies` | encode segments, join them |
| `warm` | have that done by a process of its own, whose program is `driver` |
| `probe` | what a movie file holds |
| `encoders` | what this machine can encode |
| `errors` | the error tree |

Nothing is imported here: `settings` and `errors` are pure and load in no time, the others load
FFmpeg or OpenImageIO.
"""
