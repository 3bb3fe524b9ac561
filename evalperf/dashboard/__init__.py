"""What a run shows of itself while it runs, on stderr: it watches events and asks nothing."""

from evalperf.dashboard.progress import Mode, choose_mode, open_progress

__all__ = ["Mode", "choose_mode", "open_progress"]
