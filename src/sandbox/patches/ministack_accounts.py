"""MiniStack keeps the things of all accounts and regions together and looks through all of them for those of one, so that it gets
slower with every account that was ever used. Here those of one are kept together, too.
"""
import gc

from ministack.core import responses


class Grouped(dict):
    """A dictionary whose keys are tuples; `groups` has them by their first `depth` parts."""

    def __init__(self, depth, data=()):
        super().__init__()
        self.depth, self.groups = depth, {}
        self.update(dict(data))

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        self.groups.setdefault(key[:self.depth], {})[key] = None

    def __delitem__(self, key):
        super().__delitem__(key)
        self.forget(key)

    def forget(self, key):
        self.groups.get(key[:self.depth], {}).pop(key, None)

    def pop(self, key, *default):
        value = super().pop(key, *default)
        self.forget(key)
        return value

    def popitem(self):
        key, value = super().popitem()
        self.forget(key)
        return key, value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other):
        for key, value in other.items():
            self[key] = value

    def clear(self):
        super().clear()
        self.groups.clear()


def group(store, depth):
    if (store.__slots__, hasattr(store, "_scoped"), hasattr(store, "_prefix")) != (("_data",), True, True):
        raise SystemExit(f"the patches do not fit this MiniStack: {store.__name__} is another thing")

    def own(self):
        prefix = self._prefix()
        return list(self._data.groups.get(prefix if depth > 1 else (prefix,), ()))

    def init(self):
        self._data = Grouped(depth)

    def from_dict(_, data):
        made = store()
        made._data.update(data)
        return made

    # What another thread has removed meanwhile is left out.
    store.__init__ = init
    store.from_dict = classmethod(from_dict)
    store.__len__ = lambda self: len(own(self))
    store.__bool__ = lambda self: bool(own(self))
    store.__iter__ = lambda self: iter([key[depth] for key in own(self)])
    store.keys = lambda self: [key[depth] for key in own(self)]
    store.values = lambda self: [self._data[key] for key in own(self) if key in self._data]
    store.items = lambda self: [(key[depth], self._data[key]) for key in own(self) if key in self._data]


group(responses.AccountScopedDict, 1)
group(responses.AccountRegionScopedDict, 2)
for made in gc.get_objects():
    if isinstance(made, responses.AccountRegionScopedDict):
        made._data = Grouped(2, made._data)
    elif isinstance(made, responses.AccountScopedDict):
        made._data = Grouped(1, made._data)
