"""What holds for all tests, however they are started."""

from __future__ import annotations

import signal

# A shell without job control starts what it puts into the background with Ctrl-C ignored, and the
# programs that tests start, and interrupt, would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
