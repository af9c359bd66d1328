"""How a job's progress is shown: a live display, plain lines, or JSON lines."""
