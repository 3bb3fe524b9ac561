"""Numbers as people read them: few digits, a unit, None as a dash."""

from __future__ import annotations

from evalperf.dashboard.eta import Eta

__all__ = ["clean", "clock_time", "count", "duration", "eta_range", "megabytes", "money", "percent", "rate", "score"]


def count(number: int) -> str:
    """1,234 with its commas, however long."""
    return f"{number:,}"


def rate(per_s: float) -> str:
    """Three digits or all whole ones: 0.42, 38.2, 3,911."""
    if per_s >= 99.95:
        return f"{per_s:,.0f}"
    return f"{per_s:.1f}" if per_s >= 9.995 or per_s == 0 else f"{per_s:.2f}"


def duration(seconds: float | None) -> tuple[str, str]:
    """A measured time as number and unit: 0.3 ms, 547 ms, 1.07 s."""
    if seconds is None:
        return "—", ""
    if seconds < 0.0995:
        return f"{seconds * 1e3:.1f}", "ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}", "ms"
    return (f"{seconds:.2f}" if seconds < 9.995 else f"{seconds:.1f}"), "s"


def clock_time(seconds: float) -> str:
    """0:47, 1:02:05, 2d 03:00:00."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours == 0:
        return f"{minute}:{second:02}"
    days, hour = divmod(hours, 24)
    return f"{days}d {hour:02}:{minute:02}:{second:02}" if days else f"{hour}:{minute:02}:{second:02}"


def eta_range(eta: Eta) -> str:
    """What is left: 0:40–0:55, one number where both are the same, at least 0:40 where the pace is too unsteady."""
    low = clock_time(eta.low_s)
    if eta.high_s is None or eta.high_s > 30 * 86_400:
        return f"{low} or more"
    high = clock_time(eta.high_s)
    return f"~{low}" if low == high else f"{low}–{high}"


def percent(share: float) -> str:
    """Whole percents, with one decimal below ten; 100 % and 0 % are never rounded to."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if share < 0.0995:
        return f"{share * 100:.1f} %" if share else "0 %"
    return f"{int(share * 100) if share > 0.99 else round(share * 100)} %"


def megabytes(size_bytes: int) -> tuple[str, str]:
    """184 MB, 1.2 GB."""
    if size_bytes >= 999_500_000:
        return f"{size_bytes / 1e9:.1f}", "GB"
    return (f"{size_bytes / 1e6:.0f}" if size_bytes >= 9_950_000 else f"{size_bytes / 1e6:.1f}"), "MB"


def money(usd: float) -> str:
    """$0.0417 while it is small, $12.34 later."""
    return f"${usd:.4f}" if usd < 1 else f"${usd:,.2f}"


def score(value: float) -> str:
    """A mean: .712, 1.000, -.250; larger ones with three digits in all."""
    if abs(value) >= 9.995:
        return f"{value:,.1f}" if abs(value) < 99.95 else f"{value:,.0f}"
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def clean(text: str) -> str:
    """Text from outside without anything that could steer a terminal: each such character is shown as a space."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
