"""The program that encodes, joins and shrinks, as a child of the worker.

It is started as `python -m framefarm.media.driver`. A crash of FFmpeg or of a codec's library, an
encoder that hangs, or one that eats all memory then ends this process and not the worker.

Orders come and reports go as lines of JSON over the inherited socket N (`--fd N`); what is printed,
by FFmpeg too, is the log.

| order | fields | answered by |
|---|---|---|
| `encode` | frames, settings, out, threads | `progress` ..., `encoded`: frames, ... |
| `join` | segments, settings, out | `progress` ..., `joined`: frames, duration_s, ... |
| `thumbnail` | picture, out | `made`: the thumbnail's facts |
| `quit` | | the connection closes |

What cannot be done is answered by `refused` with a kind, the code of a `MediaError`, `disk` or
`memory`, and a message. The program ends at once when the socket closes.
"""
