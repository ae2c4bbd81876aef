"""What one process keeps at hand, bounded by bytes: the least recently used goes."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by key, together no larger than ``capacity``; of one thread only."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep ``value``; what has no room at all is not kept."""
        self.drop(key)
        if size > self.capacity:
            return
        self._values[key] = (value, size)
        self.size += size
        while self.size > self.capacity:
            _, (_, oldest) = self._values.popitem(last=False)
            self.size -= oldest

    def drop(self, key: Key) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self.size -= found[1]

    def clear(self) -> None:
        self._values.clear()
        self.size = 0
