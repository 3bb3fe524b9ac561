"""What a server can do at once: slots with a queue, requests that slow each other down, and a speed that wanders."""

from __future__ import annotations

from evalperf.simulator.capacity.capacity import Capacity, Work
from evalperf.simulator.capacity.sharing import ProcessorSharing, batch_pace
from evalperf.simulator.capacity.slots import OverloadedError, Slots
from evalperf.simulator.capacity.weather import Weather

__all__ = ["Capacity", "OverloadedError", "ProcessorSharing", "Slots", "Weather", "Work", "batch_pace"]
