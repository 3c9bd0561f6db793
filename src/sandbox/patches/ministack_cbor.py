"""The package `cbor2`, as far as MiniStack uses it for CloudWatch: it is an option of MiniStack's that the sandbox does not install,
and without it the SDK's requests are not understood. RFC 8949. Runs before `ministack_cloudwatch.py`, in one program with it."""
import struct
import sys
import types


class CBORTag:
    def __init__(self, tag, value):
        self.tag, self.value = tag, value


END = object()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, many):
        if self.at + many > len(self.data):
            raise ValueError("the CBOR ends early")
        self.at += many
        return self.data[self.at - many:self.at]

    def items(self, many, read):
        """So many, or, where it is not said, as many as come before the end."""
        while many is None or many > 0:
            one = read()
            if one is END:
                return
            yield one
            many = None if many is None else many - 1

    def item(self):
        first = self.take(1)[0]
        major, short = first >> 5, first & 31
        if short < 24:
            number = short
        elif short < 28:
            number = int.from_bytes(self.take(1 << (short - 24)), "big")
        elif short == 31:
            number = None
        else:
            raise ValueError("no CBOR")
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if major in (2, 3):
            if number is None:
                parts = list(self.items(None, self.item))
                return (b"" if major == 2 else "").join(parts)
            return self.take(number) if major == 2 else self.take(number).decode()
        if major == 4:
            return list(self.items(number, self.item))
        if major == 5:
            return {key: self.item() for key in self.items(number, self.item)}
        if major == 6:
            return self.item()
        if number is None:
            return END
        if short in (25, 26, 27):
            return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[short], self.data[self.at - (1 << (short - 24)):self.at])[0]
        return {20: False, 21: True}.get(short)


def loads(data):
    return Reader(data).item()


def head(major, number):
    return bytes([major << 5 | 27]) + number.to_bytes(8, "big")


def dumps(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, CBORTag):
        return head(6, value.tag) + dumps(value.value)
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(dumps(key) + dumps(one) for key, one in value.items())
    return head(4, len(value)) + b"".join(dumps(one) for one in value)


if "cbor2" not in sys.modules:
    module = types.ModuleType("cbor2")
    module.CBORTag, module.loads, module.dumps = CBORTag, loads, dumps
    sys.modules["cbor2"] = module
